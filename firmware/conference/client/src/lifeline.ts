// Lifeline is the line to the server over all its losses: a lost one is dialled again, and told up to where the last one was heard.
import type { FromServer, Line, ToServer } from './signal'

export interface LifelineEvents {
  hello: (seen: number) => ToServer // what is said first on each line; seen is the last number taken
  opened: () => void
  message: (m: FromServer) => void
  lost: () => void
}

export type Dial = (url: string, attempt: number, on: { message: (m: FromServer) => void, closed: () => void }) => Line

const RETRY = [200, 400, 800] // ms between attempts to come back; then 1 s each
const LAST = 200 // ms that the last message has to get out

export class Lifeline {
  #line: Line | undefined
  #round = 0
  #seen = 0
  #attempt = 0

  constructor (readonly url: string, readonly on: LifelineEvents, readonly dial: Dial) {}

  // round tells one line from the next.
  get round (): number { return this.#round }

  open (): void {
    const round = ++this.#round
    this.#line = this.dial(this.url, this.#attempt, {
      message: (m) => { if (round === this.#round) this.on.message(m) },
      closed: () => { if (round === this.#round) this.on.lost() }
    })
    this.send(this.on.hello(this.#seen))
    this.on.opened()
  }

  send (m: ToServer): void { this.#line?.send(m) }

  // took: a message need not come again.
  took (m: FromServer): void { if ('seq' in m && m.type !== 'joined') this.#seen = Math.max(this.#seen, m.seq) }

  // held: the server has answered; the next loss is the first again.
  held (): void { this.#attempt = 0 }

  // again gives the line up and dials another after a while.
  again (): void {
    const round = ++this.#round
    this.#line?.close()
    this.#line = undefined
    setTimeout(() => { if (round === this.#round) this.open() }, RETRY[this.#attempt++] ?? 1000)
  }

  // end hears nothing any more, and closes when the last message is out.
  end (): void {
    this.#round++
    const line = this.#line
    setTimeout(() => { line?.close() }, LAST)
  }
}
