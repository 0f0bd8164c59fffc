// A member and the server together take somebody in whom the chair has not let in: each page of an honest member refuses, says so,
// stays in its epoch with its keys, sends nothing more in it, and joins anew. Played with whole pages.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { createCommit, decodeMlsMessage, encodeMlsMessage } from 'ts-mls'
import { c } from './harness.mjs'
import { Page, ROOM, Server, gather, newPasskey, until } from './council.mjs'

beforeEach(() => { mock.timers.enable({ apis: ['setTimeout'] }) })
afterEach(() => { mock.timers.reset() })

const packageOf = (page) => page.sent('key-package').at(-1).package

// word is an admission by a device for somebody's last key package.
async function word (by, whom, { room = ROOM, at = Date.now(), group = by.group.id } = {}) {
  const { ref, binding } = await c.Group.packageOf(c.fromBase64(packageOf(whom)), by.group)
  return await c.signAdmission((m) => c.sign(by.device, m), room, { group, ref, binding }, at)
}

// forged is a commit with all that the hostile member's device knows, past its page's rules, that adds a key package.
async function forged (by, keyPackage, words) {
  const { keyPackage: kp } = decodeMlsMessage(c.fromBase64(keyPackage), 0)[0]
  const leak = by.group.leak()
  const state = { ...leak, clientConfig: { ...leak.clientConfig, authService: { validateCredential: async () => true } } }
  const r = await createCommit({ state, cipherSuite: by.group.impl }, {
    wireAsPublicMessage: true, ratchetTreeExtension: true, extraProposals: [{ proposalType: 'add', add: { keyPackage: kp } }], authenticatedData: c.utf8(JSON.stringify(words))
  })
  return c.toBase64(encodeMlsMessage(r.commit))
}

// Each intrusion makes a commit from the people of a call of chair, clerk (hostile), councillor and, removed before, a second chair; expect is
// the word on the honest pages.
const intrusions = {
  'no word': { expect: 'not-admitted', commit: (p) => forged(p.clerk, packageOf(p.stranger), []) },
  'an empty word': { expect: 'form', commit: (p) => forged(p.clerk, packageOf(p.stranger), ['']) },
  'the member\'s own word': { expect: 'not-admitted', commit: async (p) => forged(p.clerk, packageOf(p.stranger), [await word(p.clerk, p.stranger)]) },
  'the word of a chair who has left': { expect: 'not-admitted', commit: async (p) => forged(p.clerk, packageOf(p.stranger), [await word(p.former, p.stranger)]) },
  'the chair\'s word for another key package': { expect: 'key', commit: async (p) => forged(p.clerk, packageOf(p.stranger), [await word(p.chair, p.councillor)]) },
  'the chair\'s word for another room': { expect: 'room', commit: async (p) => forged(p.clerk, packageOf(p.stranger), [await word(p.chair, p.stranger, { room: 'anderer-saal' })]) },
  'the chair\'s word for another group': { expect: 'group', commit: async (p) => forged(p.clerk, packageOf(p.stranger), [await word(p.chair, p.stranger, { group: new Uint8Array(16) })]) },
  'the chair\'s word of an hour ago': { expect: 'time', commit: async (p) => forged(p.clerk, packageOf(p.stranger), [await word(p.chair, p.stranger, { at: Date.now() - 3_600_000 })]) },
  'the chair\'s word for somebody without a passkey, at a level that asks for one': { expect: 'passkey', commit: async (p) => forged(p.clerk, packageOf(p.plain), [await word(p.chair, p.plain)]) },
  'the word and key package of somebody who was removed since': { expect: 'not-admitted', commit: async (p) => forged(p.clerk, p.spent.package, [p.spent.word]) },
  'a commit of before, once more': { expect: 'epoch', commit: (p) => p.old },
  'no word, and the server says that the call is public': {
    expect: 'not-admitted',
    commit: (p) => {
      p.server.level = 'public'
      p.server.said()
      return forged(p.clerk, packageOf(p.stranger), [])
    },
    also: (page) => { assert.equal(page.noted('level').at(-1)?.detail, 'public', 'that is said, and not believed') }
  }
}

async function scene () {
  const server = await Server.start()
  const [chair, clerk, councillor, former] = await gather(server, ['chair', 'clerk', 'councillor', 'chair']) // all have seen the last come in
  const spent = { package: packageOf(former), word: chair.sent('admit').find((m) => m.participant === former.seat.id).admission }
  chair.call.remove(former.call.leaf)
  for (const p of [chair, clerk, councillor]) await p.settled(3)
  const old = server.log.findLast((l) => l.m.type === 'committed').m.commit
  const stranger = await Page.open(server, { member: 'm-7', role: 'guest', passkey: await newPasskey() })
  const plain = await Page.open(server, { member: 'm-8', role: 'guest' })
  await until('two knock', () => [stranger, plain].every((p) => p.sent('key-package').length > 0))
  return { server, chair, former, clerk, councillor, stranger, plain, spent, old }
}

for (const [name, { expect, commit, also }] of Object.entries(intrusions)) {
  test(`hostile member and server: ${name}`, { timeout: 600_000 }, async () => {
    const p = await scene()
    const honest = [p.chair, p.councillor]
    const before = honest.map((h) => ({ epoch: h.call.epoch, studio: h.studio, turns: h.studio.turns.length, keys: h.studio.keys.length, code: h.call.code, members: h.call.members.map((m) => m.member) }))
    const bad = await commit(p)
    for (const h of honest) p.server.tell(h.seat, { type: 'committed', seq: ++p.server.seq, group: p.server.group.id, epoch: p.server.group.epoch, from: p.clerk.seat.id, commit: bad })
    for (const h of honest) await until(`${h.who.role} says it`, () => h.noted('commit').length > 0)
    const sent = honest.map((h) => ({ commits: h.sent('commit').length, words: h.sent('application').length }))
    for (const [i, h] of honest.entries()) {
      assert.equal(h.noted('commit')[0].detail, expect)
      await h.call.say({ t: 'chat', text: 'geht nicht hinaus', at: 1 })
      assert.deepEqual({ epoch: h.call.epoch, studio: h.studio, turns: h.studio.turns.length, keys: h.studio.keys.length, code: h.call.code, members: h.call.members.map((m) => m.member) }, before[i])
      assert.equal(h.studio.closed, false, 'what comes in the epoch still opens')
      assert.equal(h.studio.held, p.server.group.epoch, 'nothing goes out in an epoch that the server calls over')
      assert.deepEqual({ commits: h.sent('commit').length, words: h.sent('application').length }, sent[i])
      assert.equal(h.sent('stuck').length, 1, 'the server is told')
      also?.(h)
    }
    mock.timers.tick(5000)
    for (const [i, h] of honest.entries()) {
      assert.equal(h.call.phase, 'lost', 'then it leaves the group that cannot go on')
      assert.equal(before[i].studio.closed, true)
    }
  })
}

test('the chair\'s word itself does it: what is refused above is refused for its reason', { timeout: 600_000 }, async () => {
  const p = await scene()
  const good = await forged(p.clerk, packageOf(p.stranger), [await word(p.chair, p.stranger)])
  p.server.order(p.clerk.seat, good, undefined)
  for (const h of [p.chair, p.councillor]) {
    await until('taken in', () => h.call.members.length === 4)
    assert.deepEqual(h.noted('commit'), [])
    assert.ok(h.call.members.some((m) => m.member === 'm-7'))
  }
})
