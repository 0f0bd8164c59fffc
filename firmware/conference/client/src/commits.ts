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
}

export class Commits {
  #task: Task | undefined
  #redo: Task | undefined
  #refresh = false
  #flying = false

  constructor (readonly order: Order) {}

  // asked is what the server wants next; only the last counts.
  async asked (task: Task): Promise<void> {
    this.#task = task
    await this.pump()
  }

  // owes: this device has just been taken in, and gives itself new keys.
  async owes (): Promise<void> {
    this.#refresh = true
    await this.pump()
  }

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
    if (this.#refresh) this.#fly(await g.refresh())
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
    if (turn.added.length + turn.removed.length === 0) this.#refresh = false
  }

  // cameSecond: the server did not take this device's commit.
  async cameSecond (why: string): Promise<void> {
    this.#flying = false
    this.order.group()?.giveUp()
    if (why === 'late') this.#task ??= this.#redo
    this.#redo = undefined
    await this.pump()
  }

  // lost: what was on its way went with the line.
  lost (): void { this.#flying = false }

  clear (): void {
    this.#task = this.#redo = undefined
    this.#flying = this.#refresh = false
  }
}
