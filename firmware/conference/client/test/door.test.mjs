// The door: whom the chair's device lets in by itself. Bindings are real ones (Go's form, signed by a conference's key), and the server
// that signs them here is hostile: it has that key, and names anybody it likes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'
import { GROUP } from './people.mjs'

const ROOM = 'ratssaal'
const ORIGIN = 'https://konferenz.example'
const conference = await c.newDevice()

// bind is what a server signs: the claim's form is that of binding.ts.
async function bind (device, member, role) {
  const now = Math.floor(Date.now() / 1000)
  const claim = c.utf8(JSON.stringify({
    v: 1, room: ROOM, member, role, factors: ['sso', 'totp'], key: c.toBase64(device.publicKey), from: now - 10, to: now + 3600,
    nonce: c.toBase64(crypto.getRandomValues(new Uint8Array(16))), passkey: null
  }))
  return `${c.toBase64url(claim)}.${c.toBase64url(await c.sign(conference, c.concat(c.utf8('subrosa binding v1\0'), claim)))}`
}

const judge = () => c.judge(conference.publicKey, ROOM, ORIGIN, () => 'confidential', () => Date.now())

async function comer (member, role, device) {
  device ??= await c.newDevice()
  const binding = await bind(device, member, role)
  const ticket = await c.newTicket('x25519', device, c.utf8(binding), Date.now())
  return { member, role, device, binding, ticket }
}

// House is a chair's page with a group of its own; what it sends stays here.
class House {
  sent = []
  others = []
  tail = Promise.resolve()

  static async make (id = GROUP) {
    const h = new House()
    h.chair = await comer('m-1', 'chair')
    h.g = await c.Group.create(id, h.chair.ticket, judge())
    h.door = h.open(h.chair, () => h.g, 'p-chair')
    return h
  }

  open (who, group, participant) {
    return new c.Door({
      seat: () => ({ room: ROOM, role: who.role, participant }),
      group,
      groupThere: () => this.g.id,
      ticket: () => who.ticket,
      binding: () => who.binding,
      sign: (m) => c.sign(who.device, m),
      judge,
      serial: (run) => { this.tail = this.tail.then(run) },
      send: (m) => { this.sent.push(m) },
      changed: () => {},
      otherPasskey: (who) => { this.others.push(who) }
    })
  }

  // knock says whether the door signed by itself.
  async knock (who, participant) {
    const before = this.sent.length
    this.door.knocked({ type: 'knock', participant, member: who.member, role: who.role, on_roster: true, lobby: false, package: c.toBase64(who.ticket.message) })
    await this.tail
    return this.sent.slice(before)
  }

  async admit (who, participant) {
    assert.deepEqual(await this.knock(who, participant), [], 'nobody has pressed')
    this.door.admit(participant)
    await this.tail
    return this.sent.at(-1).admission
  }

  add (who, admission) { return this.g.add([{ keyPackage: who.ticket.message, admission }]) }
}

test('a server cannot have the chair\'s device let its own device in, where nobody has a passkey', async () => {
  const h = await House.make()
  const a = await comer('m-2', 'councillor')
  const admission = await h.admit(a, 'p-a')
  await h.g.process((await h.add(a, admission)).commit)
  // as a member who was let in, as that member in another role, as the chair, as the chair's member in another role
  for (const [member, role] of [['m-2', 'councillor'], ['m-2', 'chair'], ['m-1', 'chair'], ['m-1', 'clerk']]) {
    assert.deepEqual(await h.knock(await comer(member, role), `p-${member}-${role}`), [], `${member} ${role}`)
  }
  assert.deepEqual(h.others, [], 'no passkey is no other passkey')
  // the page that was let in comes again by itself: a server's restart, a lost line
  const again = await comer('m-2', 'councillor', a.device)
  assert.equal((await h.knock(again, 'p-again')).length, 1)
  // but not in a role that the server has given it since
  assert.deepEqual(await h.knock(await comer('m-2', 'chair', a.device), 'p-risen'), [])
})

test('a server cannot come as a chair of before with a word of its own', async () => {
  const h = await House.make()
  const false_ = await comer('m-1', 'chair')
  const d = h.open(false_, () => undefined, 'p-false')
  d.knocked({ type: 'knock', participant: 'p-false', member: 'm-1', role: 'chair', on_roster: true, lobby: false, package: c.toBase64(false_.ticket.message) })
  await h.tail
  const { admission } = h.sent.at(-1)
  await assert.rejects(h.add(false_, admission), { word: 'not-admitted' })
  // the page of that chair, which lives, does
  const again = await comer('m-1', 'chair', h.chair.device)
  const own = h.open(again, () => undefined, 'p-own')
  own.knocked({ type: 'knock', participant: 'p-own', member: 'm-1', role: 'chair', on_roster: true, lobby: false, package: c.toBase64(again.ticket.message) })
  await h.tail
  const clerk = await comer('m-3', 'clerk')
  const { commit, welcome } = await h.add(clerk, await h.admit(clerk, 'p-clerk'))
  await h.g.process(commit)
  const held = await c.Group.join(GROUP, welcome, clerk.ticket, judge())
  await h.g.process((await held.refresh()).commit)
})

test('who was removed by anybody who may needs a press; whose page went away does not', async () => {
  const h = await House.make()
  const a = await comer('m-2', 'councillor')
  await h.admit(a, 'p-a')
  assert.equal((await h.knock(await comer('m-2', 'councillor', a.device), 'p-back')).length, 1)
  h.door.forget('m-2')
  assert.deepEqual(await h.knock(await comer('m-2', 'councillor', a.device), 'p-removed'), [])
})

test('Known: the same page or the same passkey, and no passkey equals nothing', () => {
  const key = (n) => new Uint8Array(32).fill(n)
  const who = (member, passkey, n, role = 'councillor') => ({ member, role, passkey, signatureKey: key(n) })
  const k = new c.Known()
  k.note(who('m-1', '', 1))
  k.note(who('m-2', 'aa', 2))
  for (const [x, again, other] of [
    [who('m-1', '', 1), true, false], [who('m-1', '', 9), false, false], [who('m-1', 'aa', 9), false, true],
    [who('m-2', 'aa', 9), true, false], [who('m-2', '', 9), false, true], [who('m-2', 'bb', 9), false, true], [who('m-2', '', 2), true, true],
    [who('m-2', 'aa', 2, 'chair'), false, false], [who('m-3', '', 1), false, false], [who('m-3', 'aa', 2), false, false]
  ]) {
    assert.equal(k.again(x), again, `${x.member} ${x.passkey} ${x.signatureKey[0]} ${x.role}`)
    assert.equal(k.other(x), other, `other: ${x.member} ${x.passkey} ${x.signatureKey[0]} ${x.role}`)
  }
  k.forget('m-2')
  assert.equal(k.again(who('m-2', 'aa', 2)), false)
  assert.equal(k.has('m-2'), false)
})

test('an open group: only where it is expected, and a closed one asks for the word whatever is said later', async () => {
  const open = GROUP.slice()
  open[0] |= 1
  const chair = await comer('m-1', 'chair')
  await assert.rejects(c.Group.create(open, chair.ticket, judge()), { word: 'open' })
  const g = await c.Group.create(open, chair.ticket, judge(), true)
  const a = await comer('m-2', 'councillor')
  const { commit, welcome } = await g.add([{ keyPackage: a.ticket.message, admission: '' }])
  await g.process(commit)
  await assert.rejects(c.Group.join(open, welcome, a.ticket, judge()), { word: 'open' })
  await c.Group.join(open, welcome, a.ticket, judge(), true)
  // the id is that of the welcome: a server cannot tell a joiner that an open group is a closed one
  await assert.rejects(c.Group.join(GROUP, welcome, a.ticket, judge()), { word: 'group' })
  const closed = await c.Group.create(GROUP, (await comer('m-1', 'chair')).ticket, judge(), true)
  await assert.rejects(closed.add([{ keyPackage: (await comer('m-4', 'guest')).ticket.message, admission: '' }]), { name: 'Refusal' })
})
