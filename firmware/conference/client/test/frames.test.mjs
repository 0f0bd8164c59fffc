// What is sent of a frame, and what of those that come is believed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'

const TAG = 0x81020304
const key = (leaf, epoch) => c.frameKey(TAG, leaf, epoch, new Uint8Array(32).fill(leaf + 1 + Number(epoch) * 16))
const delta = (n = 40) => Uint8Array.from({ length: n }, (_, i) => i === 0 ? 1 : i * 7 & 255)
const keyFrame = (n = 60) => Uint8Array.from({ length: n }, (_, i) => i === 0 ? 0x10 : i * 5 & 255)

async function pair (leaf = 3, epoch = 1n) {
  const sealer = new c.Sealer()
  sealer.use(await key(leaf, epoch))
  const ring = new c.Keyring()
  ring.turn(0, [await key(leaf, epoch), await key(leaf + 1, epoch)], false)
  return { sealer, ring, opener: new c.Opener(ring, leaf, 'camera') }
}

test('frames go and come, and only the clear prefix is seen', async () => {
  const { sealer, opener } = await pair()
  for (const [codec, frame, clear] of [['vp8', keyFrame(), 10], ['vp8', delta(), 1], ['vp9', delta(), 0], ['opus', delta(3), 0], ['opus', new Uint8Array(0), 0]]) {
    const sent = await sealer.seal('camera', codec, frame)
    assert.deepEqual(sent.subarray(0, clear), frame.subarray(0, clear))
    const h = c.decodeHeader(sent.subarray(clear))
    assert.equal(h.kid, c.keyId(TAG, 3, 1n))
    assert.equal(sent.length, clear + h.length + frame.length - clear + 16)
    assert.deepEqual((await opener.open(0, codec, sent)).frame, frame)
  }
  assert.equal(opener.opened, 5)
})

test('without a key nothing goes', async () => {
  const s = new c.Sealer()
  assert.equal(await s.seal('microphone', 'opus', delta()), undefined)
  s.use(await key(3, 1n))
  assert.ok(await s.seal('microphone', 'opus', delta()))
  assert.throws(() => s.use({ kid: c.keyId(TAG, 3, 1n) }), /same key id/)
  s.use(undefined)
  assert.equal(await s.seal('microphone', 'opus', delta()), undefined)
  assert.equal(await s.seal('camera', 'vp8', new Uint8Array(0)), undefined)
  assert.equal(s.refused, 3)
})

test('nothing a server can do to a frame is believed', async () => {
  const { sealer, opener, ring } = await pair()
  const why = async (frame, o = opener, codec = 'vp8', now = 0) => (await o.open(now, codec, frame)).why
  const frame = await sealer.seal('camera', 'vp8', delta())
  assert.equal(await why(delta()), 'plain')
  assert.equal(await why(keyFrame()), 'plain')
  assert.equal(await why(new Uint8Array(0)), 'empty')
  assert.equal(await why(frame, new c.Opener(ring, 4, 'camera')), 'foreign', 'another participant\'s track')
  assert.equal(await why(frame, new c.Opener(ring, 3, 'screen')), 'tampered', 'another source')
  for (let bit = 0; bit < frame.length * 8; bit++) {
    const bad = frame.slice()
    bad[bit >> 3] ^= 1 << (bit & 7)
    assert.ok(['tampered', 'foreign', 'no-key', 'plain'].includes(await why(bad)), `bit ${bit}`)
  }
  assert.equal(await why(frame), undefined, 'the frame itself')
  assert.equal(await why(frame), 'replayed')
  // another leaf's key under this leaf's id: one id, one key
  const forged = new c.Sealer()
  forged.use({ ...(await key(4, 1n)), kid: c.keyId(TAG, 3, 1n) })
  await forged.seal('camera', 'vp8', delta())
  assert.equal(await why(await forged.seal('camera', 'vp8', delta())), 'tampered')
})

test('order may change within the window, counters never repeat', async () => {
  const { sealer, opener } = await pair()
  const frames = []
  for (let i = 0; i < 1200; i++) frames.push(await sealer.seal('camera', 'vp9', delta(20)))
  for (const i of [5, 3, 4, 0, 1, 2]) assert.ok((await opener.open(0, 'vp9', frames[i])).frame, `frame ${i}`)
  for (const i of [5, 3, 0]) assert.equal((await opener.open(0, 'vp9', frames[i])).why, 'replayed')
  assert.ok((await opener.open(0, 'vp9', frames[1199])).frame)
  assert.equal((await opener.open(0, 'vp9', frames[10])).why, 'replayed', 'older than the window')
  const both = await Promise.all([opener.open(0, 'vp9', frames[1000]), opener.open(0, 'vp9', frames[1000])])
  assert.equal(both.filter((x) => x.frame).length, 1, 'the same frame twice at once')
})

test('what was shown once is not shown again under the name of another track', async () => {
  const { sealer, opener, ring } = await pair()
  const frames = []
  for (let i = 0; i < 200; i++) frames.push(await sealer.seal('camera', 'vp8', i === 0 ? keyFrame() : delta()))
  for (const f of frames) assert.ok((await opener.open(0, 'vp8', f)).frame)
  const again = new c.Opener(ring, 3, 'camera')
  for (const f of frames) assert.equal((await again.open(600_000, 'vp8', f)).why, 'replayed')
  assert.equal(again.refused.replayed, 200)
  assert.ok((await again.open(600_000, 'vp8', await sealer.seal('camera', 'vp8', keyFrame()))).frame, 'what is new is shown there')
})

test('a turn: 200 ms for frames on their way, nothing after a removal, nothing later', async () => {
  const old = new c.Sealer()
  old.use(await key(3, 1n))
  const ring = new c.Keyring()
  ring.turn(0, [await key(3, 1n), await key(4, 1n)], false)
  const opener = new c.Opener(ring, 3, 'camera')
  const next = new c.Sealer()
  next.use(await key(3, 2n))
  const early = await next.seal('camera', 'vp9', delta())
  assert.ok(opener.awaits(0, 'vp9', early), 'worth waiting for the commit')
  assert.equal((await opener.open(0, 'vp9', early)).why, 'no-key')
  ring.turn(1000, [await key(3, 2n)], false)
  assert.ok((await opener.open(1000, 'vp9', early)).frame)
  assert.ok((await opener.open(1200, 'vp9', await old.seal('camera', 'vp9', delta()))).frame, 'in grace')
  assert.equal((await opener.open(1201, 'vp9', await old.seal('camera', 'vp9', delta()))).why, 'stale')
  ring.turn(2000, [await key(3, 3n)], true)
  assert.equal((await opener.open(2000, 'vp9', await next.seal('camera', 'vp9', delta()))).why, 'no-key', 'somebody was removed')
  ring.drop()
  const last = new c.Sealer()
  last.use(await key(3, 3n))
  assert.equal((await opener.open(2000, 'vp9', await last.seal('camera', 'vp9', delta()))).why, 'no-key')
})

test('key ids have one length', () => {
  assert.throws(() => c.keyId(0x00ffffff, 1, 1n))
  assert.throws(() => c.keyId(TAG, 0x10000, 1n))
  assert.equal(c.encodeHeader(c.keyId(0x01000000, 0, 0n), 0n).length, 9)
  assert.equal(c.encodeHeader(c.keyId(0xffffffff, 65535, 65535n), 0n).length, 9)
})
