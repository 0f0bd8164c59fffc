// Door is who waits to come in, and the word of the chair's device that lets them. People say whom; what the device signs is the
// key package they come with, for this group. Whom its people have let in it lets in again by itself, as long as it is the same page or the
// same passkey (known.ts), until they are removed; those whom others let in are for its people to decide about. It signs once
// for a key package: a server knocks for somebody until they are in, and a second word would come after they are.
import { fromBase64, hex, utf8, type Bytes } from './bytes'
import { MAX_ADMISSION, signAdmission } from './binding'
import { Known } from './known'
import { Group, type Identity, type Judge, type Ticket } from './group'
import type { Joined, Knock, Person, ToServer } from './signal'

// House is what a door is in: the call, as far as a door needs it.
export interface House {
  seat: () => Pick<Joined, 'room' | 'role' | 'participant'> | undefined
  group: () => Group | undefined
  groupThere: () => Bytes | undefined // the id of the call's, as the server says: this device may not be in it
  ticket: () => Ticket | undefined
  binding: () => string // this device's own
  sign: (message: Uint8Array) => Promise<Bytes>
  judge: () => Judge
  serial: (run: () => Promise<void>) => void // in the order of what comes from the server
  send: (m: ToServer) => void
  changed: () => void
  otherPasskey: (member: string) => void // somebody who was let in before knocks with another
}

export class Door {
  readonly knocks = new Map<string, Knock>() // by participant
  readonly who = new Map<string, Identity>() // of those who knock, by participant: what their own binding says, verified
  #asked = new Map<string, Knock>() // the server was asked to let them in, and they are not in yet
  #admitted = new Known() // members this chair's device has let in
  #words = new Map<string, { to: string, at: number }>() // key packages that it has signed for, in which group, and when

  #inside = new Set<string>() // participants who are in the group

  constructor (readonly house: House) {}

  get #chair (): boolean { return this.house.seat()?.role === 'chair' }

  // knocked: a chair's device waits for the key package, which follows at once: a press before it would be for nobody's keys, and
  // another would be needed.
  knocked (k: Knock): void {
    if (k.package === undefined && (this.#chair || !k.lobby) || this.#spoken(k)) return
    this.knocks.set(k.participant, k)
    this.house.serial(async () => { await this.#look(k); await this.#again(k) })
  }

  // look reads who knocks from their binding: what the server says of them is not believed.
  async #look (k: Knock): Promise<void> {
    if (k.package === undefined) return
    const who = await Group.identityOf(fromBase64(k.package), this.house.judge()).catch(() => undefined)
    if (who === undefined) this.who.delete(k.participant)
    else this.who.set(k.participant, who)
  }

  // lost: what was signed may not have come to the server; it may be asked for again.
  lost (): void { this.#words.clear() }

  // spoken tells whether this device's word for a key package is with the server, and holds in this group; or they are in.
  #spoken (k: Knock): boolean {
    const g = this.house.group()
    if (g === undefined || k.package === undefined) return false
    const word = this.#words.get(k.package)
    return this.#inside.has(k.participant) || (word !== undefined && word.to === hex(g.id) && Date.now() - word.at < 1000 * MAX_ADMISSION)
  }

  // opened: this device has made a group, and whom it knows of those who wait comes in by itself.
  async opened (): Promise<void> {
    this.#inside.clear() // of the group before
    for (const k of this.knocks.values()) await this.#again(k)
  }

  // seen: who has been taken in waits no more, and who has gone does not; for a clerk, whom the chair's device is still to take in
  // does not, either. lobby is who waits there.
  seen (people: readonly Person[], lobby: readonly string[] = []): void {
    const wait = new Set([...lobby, ...people.filter((p) => p.leaf < 0 && this.#chair).map((p) => p.id)])
    const near = new Set([...lobby, ...people.filter((p) => p.leaf < 0).map((p) => p.id)])
    for (const id of this.knocks.keys()) if (!wait.has(id)) { this.knocks.delete(id); this.who.delete(id) }
    for (const id of this.#asked.keys()) if (!near.has(id)) this.#asked.delete(id)
    this.#inside = new Set(people.filter((p) => p.leaf >= 0).map((p) => p.id))
  }

  // refused: the server did not take the word for somebody, and does not say whom: who was asked for and is not in waits again, and
  // is signed for anew.
  refused (): void {
    this.#words.clear()
    for (const [id, k] of this.#asked) this.knocks.set(id, k)
    this.#asked.clear()
  }

  // forget: who was removed does not come back by itself.
  forget (member: string): void { this.#admitted.forget(member) }

  clear (): void { for (const m of [this.knocks, this.who, this.#asked, this.#words]) m.clear() }

  // again lets in by itself whom this device has let in before.
  async #again (k: Knock): Promise<void> {
    const { house } = this
    if (!this.#chair || k.package === undefined) return
    if (house.group() === undefined) {
      if (k.participant === house.seat()?.participant) await this.#signOwn()
      return
    }
    const who = await Group.identityOf(fromBase64(k.package), house.judge()).catch(() => undefined)
    if (who === undefined) return
    if (this.#admitted.again(who)) await this.#sign(k)
    else if (this.#admitted.other(who)) house.otherPasskey(who.member)
  }

  // signOwn is the word of a chair's device for itself, where a group goes on without one: members and server remember who has
  // presided in it, by the page and the passkey.
  async #signOwn (): Promise<void> {
    const { house } = this
    const [seat, ticket, group] = [house.seat(), house.ticket(), house.groupThere()]
    if (seat === undefined || ticket === undefined || group === undefined) return
    const admission = await signAdmission(house.sign, seat.room, { group, ref: ticket.ref, binding: utf8(house.binding()) }, Date.now())
    house.send({ type: 'admit', participant: seat.participant, admission })
  }

  async #sign (k: Knock): Promise<void> {
    const { house } = this
    if (this.#spoken(k)) { this.knocks.delete(k.participant); return } // meanwhile
    const g = house.group()!
    const { ref, binding } = await Group.packageOf(fromBase64(k.package!), g)
    const admission = await signAdmission(house.sign, house.seat()!.room, { group: g.id, ref, binding }, Date.now())
    const who = await Group.identityOf(fromBase64(k.package!), house.judge())
    this.#admitted.note(who)
    this.#off(k)
    this.#words.set(k.package!, { to: hex(g.id), at: Date.now() })
    house.send({ type: 'admit', participant: k.participant, admission })
    house.changed()
  }

  // admit is people's word. A chair's device signs it; a clerk's asks the chair's to.
  admit (participant: string): void {
    const k = this.knocks.get(participant)
    if (k === undefined) return
    if (this.#chair && k.package !== undefined) { this.house.serial(() => this.#sign(k)); return }
    this.#off(k)
    this.house.send({ type: 'admit', participant })
    this.house.changed()
  }

  #off (k: Knock): void {
    this.knocks.delete(k.participant)
    this.#asked.set(k.participant, k)
  }

  refuse (participant: string): void {
    this.knocks.delete(participant)
    this.house.send({ type: 'refuse', participant })
    this.house.changed()
  }
}
