// Commits are this device's own: one at a time on its way to the server, made of what the server asks for. The first of an epoch
// holds; one that came second is made again on the epoch that won.
import { fromBase64, toBase64, type Bytes } from './bytes'
import type { Group, Proposed, Turn } from './group'
import type { Task, ToServer } from './signal'

// Order is where they go: the call, as far as commits need it.
export interface Order {
  group: () => Group | undefined
  id: () => string // the group's, as the server calls it
  ready: () => boolean
  send: (m: ToServer) => void
  refused: (err: unknown) => void // the server has asked for what members must refuse
  serial: (run: () => Promise<void>) => void // in the order of what comes from the server
}

// PICTURES is how long a newcomer leaves its processor to pictures once media are under way, in ms. TURN is how long it waits at most for
// each that goes before it, which may have gone for good, and WAIT for how many.
const PICTURES = 1500
const TURN = 1000
const WAIT = 8
// OFTEN is how long a refresh waits that the server finds too much, in ms: it lets one pass in so long.
const OFTEN = 5000

export class Commits {
  #task: Task | undefined
  #redo: Task | undefined
  #refresh = false
  #flying = false
  #ready = false // the refresh may go when nobody is before it
  #due: ReturnType<typeof setTimeout> | undefined

  constructor (readonly order: Order) {}

  // asked is what the server wants next; only the last counts.
  async asked (task: Task): Promise<void> {
    this.#task = task
    await this.pump()
  }

  // owes: this device has just been taken in, and gives itself new keys. One commit of an epoch holds, and making one takes a device a
  // good part of a second on which its pictures wait: so those who were taken in together go one after the other, by their leaves, and
  // each once its pictures are likely there.
  owes (media: Promise<void>): void {
    const g = this.order.group()
    if (g === undefined) return
    this.#refresh = true
    void media.then(() => this.#later(g, PICTURES, () => { this.#ready = true }))
    this.#due = this.#later(g, 2 * PICTURES + Math.min(g.ahead, WAIT) * TURN, () => { this.#due = undefined })
  }

  // later does something in the same group, and looks what is to be done then.
  #later (g: Group, ms: number, then: () => void): ReturnType<typeof setTimeout> {
    return setTimeout(() => {
      if (this.order.group() !== g) return
      then()
      this.order.serial(() => this.pump())
    }, ms)
  }

  // turn says whether the refresh is to be made now.
  #turn (g: Group): boolean { return this.#refresh && (this.#due === undefined || this.#ready && g.ahead === 0) }

  // pump has one commit of this device under way at a time.
  async pump (): Promise<void> {
    const g = this.order.group()
    if (g === undefined || this.#flying || !this.order.ready()) return
    const task = this.#task?.group === this.order.id() ? this.#task : undefined
    this.#task = undefined
    const removes = (task?.remove ?? []).filter((l) => g.member(l) !== undefined && l !== g.leaf)
    const adds = (task?.add ?? []).map((a) => ({ keyPackage: fromBase64(a.package), admission: a.admission ?? '' })).filter((a) => !g.holds(a.keyPackage))
    if (removes.length + adds.length > 0) {
      try {
        this.#fly(await g.change(adds, removes))
        this.#redo = task
        return
      } catch (err) {
        this.order.refused(err)
        if (removes.length > 0) { this.#fly(await g.change([], removes)); return }
      }
    }
    if (this.#turn(g)) this.#fly(await g.refresh())
  }

  #fly (p: Proposed): void {
    this.#flying = true
    this.order.send({ type: 'commit', group: this.order.id(), epoch: Number(p.epoch), commit: toBase64(p.commit), ...(p.welcome && { welcome: toBase64(p.welcome as Bytes) }) })
  }

  // held: a commit has begun an epoch; the next may go once all is told of it.
  held (turn: Turn, own: number): void {
    if (turn.committer !== own) return
    this.#flying = false
    this.#redo = undefined
    if (turn.added.length + turn.removed.length === 0) this.#owedNoMore()
  }

  // cameSecond: the server did not take this device's commit.
  async cameSecond (why: string): Promise<void> {
    this.#flying = false
    const g = this.order.group()
    g?.giveUp()
    if (why === 'often' && g !== undefined) {
      this.#ready = false
      clearTimeout(this.#due)
      this.#due = this.#later(g, OFTEN, () => { this.#due = undefined })
    }
    if (why === 'late') this.#task ??= this.#redo
    this.#redo = undefined
    await this.pump()
  }

  // lost: what was on its way went with the line.
  lost (): void { this.#flying = false }

  #owedNoMore (): void {
    this.#refresh = this.#ready = false
    clearTimeout(this.#due)
    this.#due = undefined
  }

  clear (): void {
    this.#task = this.#redo = undefined
    this.#flying = false
    this.#owedNoMore()
  }
}
