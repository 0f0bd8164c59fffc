// Speech is what is said in the group, and what is heard there: who everybody says they are, chat, orders to mute, who is removed, words about a
// recording. Words are numbered on the way to the server; one that comes after its epoch is sealed once more.
import { toBase64, utf8, type Bytes } from './bytes'
import type { ConsentWord } from './consent'
import type { Group, Member } from './group'
import { mayOrder, readWord, type Self, type Word } from './words'

export interface Chat { from: string, role: string, text: string, at: number, own: boolean }

// Room is where it is said: the call, as far as speech needs it.
export interface Room {
  group: () => Group | undefined
  silent: () => boolean // nothing may be said any more: the group is not to be believed
  self: () => Self
  role: () => string
  send: (message: string, n: number) => void
  nameOf: (leaf: number) => string
  consent: (from: Member, id: string, what: ConsentWord) => void
  muted: (by: Member) => Promise<void> // somebody who may has turned this microphone off
  removed: (by: Member, member: string) => void // somebody who may has removed a member
  joined: (leaf: number) => void // somebody new is there, by name
  changed: () => void
}

// KEPT is how many words are kept for being said again.
const KEPT = 64
// NAMELESS is how long somebody new may take to say their name before they are announced without it, in ms.
const NAMELESS = 4000

export class Speech {
  readonly chat: Chat[] = []
  readonly selves = new Map<number, Self>()
  #said = new Map<number, { word: Word, to: string }>() // by number, for those that come too late
  #saying = 0
  #announce = new Set<number>()

  constructor (readonly room: Room) {}

  // say tells the group something.
  async say (w: Word): Promise<void> {
    const g = this.room.group()
    if (g === undefined || this.room.silent()) return
    await this.#put(g, w)
    if (w.t === 'chat') this.chat.push({ from: this.room.self().name, role: this.room.role(), text: w.text, at: w.at, own: true })
    this.room.changed()
  }

  // sayAgain seals a word once more that came after its epoch: of oneself what is so now, an order only to whom it was.
  async sayAgain (n: number): Promise<void> {
    const g = this.room.group()
    const said = this.#said.get(n)
    this.#said.delete(n)
    if (g === undefined || said === undefined || this.room.silent()) return
    const { word, to } = said
    if (word.t === 'mute' && g.member(word.leaf)?.member !== to) return
    await this.#put(g, word.t === 'self' ? { t: 'self', self: this.room.self() } : word)
  }

  async #put (g: Group, word: Word): Promise<void> {
    const message = toBase64(await g.seal(utf8(JSON.stringify(word))))
    const n = ++this.#saying
    this.#said.set(n, { word, to: word.t === 'mute' ? g.member(word.leaf)?.member ?? '' : '' })
    this.#said.delete(n - KEPT)
    this.room.send(message, n)
  }

  async delivered (data: Bytes): Promise<void> {
    const g = this.room.group()
    const heard = await g?.open(data).catch(() => undefined) // of an epoch that is over, or forged: nobody said it
    const w = heard && readWord(heard.message)
    if (heard === undefined || w === undefined) return
    const { from } = heard
    if (w.t === 'self') {
      this.selves.set(from.leaf, w.self)
      this.#greet(from.leaf)
    }
    if (w.t === 'chat') this.chat.push({ from: this.room.nameOf(from.leaf), role: from.role, text: w.text, at: w.at, own: false })
    if (w.t === 'record') this.room.consent(from, w.id, w.what)
    if (w.t === 'remove' && mayOrder(from.role)) this.room.removed(from, w.member)
    if (w.t === 'mute' && mayOrder(from.role) && w.leaf === g!.leaf && this.room.self().mic) await this.room.muted(from)
  }

  // entered announces somebody new as soon as they have said their name, or without it.
  entered (leaf: number): void {
    this.#announce.add(leaf)
    setTimeout(() => { this.#greet(leaf) }, NAMELESS)
  }

  #greet (leaf: number): void {
    if (this.#announce.delete(leaf) && this.room.group()?.member(leaf) !== undefined) this.room.joined(leaf)
  }

  left (leaf: number): void { this.selves.delete(leaf) }

  // clear is for another group; what people have written stays on the page.
  clear (): void {
    this.selves.clear()
    this.#said.clear()
  }
}
