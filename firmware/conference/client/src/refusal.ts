// Refusal is why something that came was not believed; the word is for programs, the text for the log.
// text.ts has each for people.
export const refusalWords = ['form', 'epoch', 'proposal', 'not-admitted', 'identity', 'group', 'open', 'no-chair', 'signature', 'time', 'room', 'key', 'passkey'] as const
export type RefusalWord = typeof refusalWords[number]

export class Refusal extends Error {
  constructor (readonly word: RefusalWord, text: string) { super(text); this.name = 'Refusal' }
}

// describe is a word for people's page; the whole of it goes to the console.
export function describe (err: unknown): string {
  console.warn('conference: refused:', err)
  return err instanceof Refusal ? err.word : 'other'
}
