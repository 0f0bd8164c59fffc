// Known is who has come before, and with what: what lets them come again without anybody's press. That is the page of before, by its
// signature key, or the same passkey, in the same role. No passkey equals nothing: all who have none would be one, and a server could
// name a device of its own as any of them.
import { equal } from './bytes'
import type { Identity } from './group'

export type Comer = Pick<Identity, 'member' | 'role' | 'passkey' | 'signatureKey'>

// KEPT is how many ways of coming are kept for each member.
const KEPT = 8

export class Known {
  #came = new Map<string, Comer[]>()

  #by (member: string): Comer[] { return this.#came.get(member) ?? [] }

  note (who: Comer): void {
    const others = this.#by(who.member).filter((b) => !(b.role === who.role && b.passkey === who.passkey && equal(b.signatureKey, who.signatureKey)))
    this.#came.set(who.member, [...others, { member: who.member, role: who.role, passkey: who.passkey, signatureKey: who.signatureKey }].slice(-KEPT))
  }

  forget (member: string): void { this.#came.delete(member) }

  has (member: string): boolean { return this.#came.has(member) }

  again (who: Comer): boolean {
    return this.#by(who.member).some((b) => b.role === who.role && (equal(b.signatureKey, who.signatureKey) || (who.passkey !== '' && b.passkey === who.passkey)))
  }

  // other: somebody of that name has come before, but never with this passkey.
  other (who: Comer): boolean {
    const before = this.#by(who.member)
    return before.length > 0 && !before.some((b) => b.passkey === who.passkey)
  }
}
