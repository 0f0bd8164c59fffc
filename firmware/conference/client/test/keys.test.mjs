// In which order an epoch's keys come to the worker, and what of those that come is taken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'

const TAG = 0x81020304
const leaves = [0, 1, 2, 5, 7]

function handed (own, present = leaves) {
  const said = []
  const members = present.map((leaf) => ({ leaf }))
  const group = {
    leaf: own, epoch: 4n, members, member: (l) => members.find((m) => m.leaf === l),
    frameSecret: async (l) => { said.push(`derive ${l}`); return Uint8Array.of(l) }
  }
  const worker = {
    turn: async (tag, leaf, epoch, secret, coming, removal) => { said.push(`turn ${leaf} ${epoch} with ${secret?.[0]}, ${coming} come, ${removal}`) },
    key: (epoch, leaf, secret) => { said.push(`key ${leaf} ${epoch} ${secret[0]}`) }
  }
  return { group, worker, said }
}

test('the own key is handed over before another is derived, then those of whoever is heard', async () => {
  const { group, worker, said } = handed(2)
  await c.handKeys(group, worker, TAG, true, [7, 2, 9, 7, 1])
  assert.deepEqual(said, ['derive 2', 'turn 2 4 with 2, 7,1,0,5 come, true',
    'derive 7', 'key 7 4 7', 'derive 1', 'key 1 4 1', 'derive 0', 'key 0 4 0', 'derive 5', 'key 5 4 5'])
})

test('who is not in the group any more gets no key to send with', async () => {
  const { group, worker, said } = handed(2, [0, 1])
  await c.handKeys(group, worker, TAG, true, [])
  assert.equal(said[0], 'turn 2 4 with undefined, 0,1 come, true')
})

test('speakers come first, the loudest before, then whoever sends anything', () => {
  const people = [['a', 0], ['b', 1], ['c', 5], ['gateway', undefined]].map(([id, leaf]) => ({ id, leaf }))
  const tracks = ['a', 'b', 'b'].map((participant) => ({ participant }))
  assert.deepEqual(c.heardFirst(['c', 'gateway', 'nobody'], { people, tracks }), [5, 0, 1, 1])
  assert.deepEqual(c.heardFirst(['a'], undefined), [])
})

test('a sender whose key is on its way: not played before, not counted; no id has a second key', async () => {
  const key = (leaf, epoch, fill = leaf) => c.frameKey(TAG, leaf, epoch, new Uint8Array(32).fill(fill))
  const sealer = new c.Sealer()
  const sent = () => sealer.seal('microphone', 'opus', Uint8Array.of(1, 2, 3))
  sealer.use(await key(3, 1n))
  const before = await sent()
  sealer.use(await key(3, 2n))
  const ring = new c.Keyring()
  const opener = new c.Opener(ring, 3, 'microphone')
  ring.turn(0, [await key(3, 1n), await key(4, 1n)], false)
  ring.turn(100, [], true, [c.keyId(TAG, 3, 2n)])
  assert.equal((await opener.open(100, 'opus', before)).why, 'no-key', 'the removed one knows it: gone at once, though the next is not there')
  const frame = await sent()
  const counted = { ...opener.refused }
  assert.ok(opener.awaits(100, 'opus', frame) && ring.coming(c.keyId(TAG, 3, 2n)))
  assert.deepEqual(opener.refused, counted)
  assert.ok(!ring.coming(c.keyId(TAG, 4, 2n)) && !ring.add(await key(4, 2n)), 'who was removed gets no key')
  assert.ok(!ring.add(await key(3, 1n)), 'nor does an epoch that is over')
  assert.ok(ring.add(await key(3, 2n)))
  assert.ok(!ring.coming(c.keyId(TAG, 3, 2n)) && !ring.add(await key(3, 2n, 9)), 'one id, one key')
  assert.deepEqual((await opener.open(100, 'opus', frame)).frame, Uint8Array.of(1, 2, 3))
  assert.equal(opener.opened, 1)
  ring.drop()
  assert.ok(!ring.add(await key(3, 2n)), 'nothing after a drop')
})
