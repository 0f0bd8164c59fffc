// The page's own hashes are those of WebCrypto, which ts-mls would use without them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getCiphersuiteFromName, getCiphersuiteImpl } from 'ts-mls'
import { createSecretTree } from 'ts-mls/secretTree.js'
import { c, measured } from './harness.mjs'

// bytes are n bytes that differ from seed to seed.
const bytes = (n, seed) => Uint8Array.from({ length: n }, (_, i) => (i * 167 + seed * 89 + (i >> 8)) & 255)
const around = [0, 1, 31, 32, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 500, 1300] // block and padding ends of both hashes

for (const suite of ['x25519', 'xwing']) {
  test(`hashes, tags and derived keys, ${suite}`, async () => {
    const ours = await c.suiteOf(suite)
    const web = await getCiphersuiteImpl(getCiphersuiteFromName(c.suiteName(suite)))
    assert.notEqual(ours.hash, web.hash)
    assert.equal(ours.kdf.size, web.kdf.size)
    for (const [i, n] of around.entries()) {
      const text = bytes(n, i)
      const key = bytes(Math.max(1, around[(i * 5 + 3) % around.length]), i + 1)
      assert.deepEqual(await ours.hash.digest(text), await web.hash.digest(text))
      const mac = await web.hash.mac(key, text)
      assert.deepEqual(await ours.hash.mac(key, text), mac)
      assert.ok(await ours.hash.verifyMac(key, mac, text))
      for (const wrong of [mac.subarray(1), mac.subarray(0, -1), Uint8Array.of(...mac, 0), mac.map((x, k) => k === i ? x ^ 1 : x), new Uint8Array()]) {
        assert.ok(!await ours.hash.verifyMac(key, wrong, text), `a tag of ${wrong.length} bytes`)
      }
      assert.deepEqual(await ours.kdf.extract(mac, text), await web.kdf.extract(mac, text))
      assert.deepEqual(await ours.kdf.extract(new Uint8Array(), text), await web.kdf.extract(new Uint8Array(), text), 'without salt')
      for (const length of [1, 16, ours.kdf.size, ours.kdf.size + 1, 200]) {
        assert.deepEqual(await ours.kdf.expand(mac, text, length), await web.kdf.expand(mac, text, length))
      }
    }
    await assert.rejects(ours.kdf.expand(bytes(32, 1), bytes(1, 1), 255 * ours.kdf.size + 1))
  })
}

// secretTree is how long a commit's largest piece of work takes at 30 members, ms of processor time, WebCrypto's threads included.
async function secretTree (impl, i) {
  const secret = new Uint8Array(impl.kdf.size).fill(i)
  const before = process.cpuUsage()
  await createSecretTree(32, secret, impl.kdf)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

for (const suite of ['x25519', 'xwing']) {
  test(`they cost less than WebCrypto's, ${suite}`, async () => {
    const ours = await c.suiteOf(suite)
    const web = await getCiphersuiteImpl(getCiphersuiteFromName(c.suiteName(suite)))
    const times = { ours: [], web: [] }
    for (let i = 0; i < 15; i++) {
      times.ours.push(await secretTree(ours, i))
      times.web.push(await secretTree(web, i))
    }
    const [a, b] = [times.ours, times.web].map((l) => l.sort((x, y) => x - y)[l.length >> 1])
    measured(`${suite}, keys of a secret tree of 32 leaves, medians of ${times.ours.length} turns: ${a.toFixed(1)} ms of processor, by WebCrypto ${b.toFixed(1)}`)
    assert.ok(a < 0.6 * b, `${a} ms, by WebCrypto ${b}`)
  })
}
