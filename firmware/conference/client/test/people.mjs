// People of a call for Node's tests: each has its own group state, and a server that only orders.
import { createCommit, encodeMlsMessage, decodeMlsMessage } from 'ts-mls'
import { c } from './harness.mjs'

const ROOM = 'ratssaal'
export const GROUP = c.utf8('0123456789abcdef')
const clock = () => Date.now()

// judge takes "name/role" for an identity, but the chair's word is checked as always. Bindings have their own test.
export const judge = {
  identify: async (identity, signatureKey) => {
    const [member, role] = new TextDecoder().decode(identity).split('/')
    return { member, role, passkey: member, binding: identity, signatureKey }
  },
  admitted: (token, chairs, doorway) => c.verifyAdmission(token, chairs, ROOM, doorway, clock())
}

export class Person {
  static async make (name, role, suite) {
    const p = new Person()
    Object.assign(p, { name, role, suite, device: await c.newDevice(), identity: c.utf8(`${name}/${role}`) })
    p.ticket = await c.newTicket(suite, p.device, p.identity, clock())
    return p
  }

  admit (ticket, group = GROUP) {
    return c.signAdmission((m) => c.sign(this.device, m), ROOM, { group, ref: ticket.ref, binding: ticket.publicPackage.leafNode.credential.identity }, clock())
  }

  // hostileCommit makes a commit past this client's own rules.
  async hostileCommit (extraProposals, authenticatedData) {
    const r = await createCommit({ state: this.group.leak(), cipherSuite: this.group.impl }, { wireAsPublicMessage: true, extraProposals, ratchetTreeExtension: true, authenticatedData })
    return encodeMlsMessage(r.commit)
  }

  hostileAdd (keyPackage, token) {
    const { keyPackage: kp } = decodeMlsMessage(keyPackage, 0)[0]
    return this.hostileCommit([{ proposalType: 'add', add: { keyPackage: kp } }], c.utf8(JSON.stringify([token])))
  }
}

export class Call {
  people = []

  static async begin (suite, roles) {
    const call = new Call()
    const chair = await Person.make('p0', roles[0], suite)
    chair.group = await c.Group.create(GROUP, chair.ticket, judge)
    call.people.push(chair)
    for (const [i, role] of roles.slice(1).entries()) await call.enter(await Person.make(`p${i + 1}`, role, suite), chair)
    return call
  }

  // commit has by prepare something, the server order it, and everyone take it.
  async commit (by, prepare, onTurn) {
    const proposed = await prepare(by.group)
    const turns = []
    for (const p of this.people) {
      p.turn = await p.group.process(proposed.commit)
      turns.push(p.turn)
      onTurn?.(p)
    }
    this.people = this.people.filter((p) => !p.turn.out)
    return { proposed, turns }
  }

  async enter (person, by, admission) {
    const chair = this.people.find((p) => p.role === 'chair')
    admission ??= await chair.admit(person.ticket)
    const { proposed } = await this.commit(by, (g) => g.add([{ keyPackage: person.ticket.message, admission }]))
    person.group = await c.Group.join(GROUP, proposed.welcome, person.ticket, judge)
    this.people.push(person)
    await this.commit(person, (g) => g.refresh())
  }

  codes () { return Promise.all(this.people.map((p) => p.group.code())) }
}

// shuffled is a small seeded generator (mulberry32): numbers below n.
export function shuffled (seed) {
  let a = seed >>> 0
  return (n) => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ a >>> 15, 1 | a)
    t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t
    return Math.floor(((t ^ t >>> 14) >>> 0) / 4294967296 * n)
  }
}
