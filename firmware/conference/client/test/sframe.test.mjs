// The vectors of the working group for SFrame: 289 headers both ways, and the suites 4 and 5; 588 checks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c, data } from './harness.mjs'

// Numbers there have up to 64 bits, which JSON.parse would round.
const vectors = JSON.parse(data('sframe.json').replace(/"(kid|ctr)": (\d+)/g, '"$1": "$2"'))

test('SFrame vectors', async () => {
  let checks = 0
  const equal = (got, want, what) => { assert.equal(got, want, what); checks++ }
  for (const v of vectors.header) {
    equal(c.hex(c.encodeHeader(BigInt(v.kid), BigInt(v.ctr))), v.encoded, `encode ${v.kid} ${v.ctr}`)
    const h = c.decodeHeader(c.fromHex(v.encoded + 'ff'))
    equal(`${h.kid} ${h.ctr} ${h.length}`, `${v.kid} ${v.ctr} ${v.encoded.length / 2}`, `decode ${v.encoded}`)
  }
  for (const v of vectors.sframe.filter((x) => x.cipher_suite === 4 || x.cipher_suite === 5)) {
    const suite = v.cipher_suite === 4 ? c.AES_128_GCM : c.AES_256_GCM
    const kid = BigInt(v.kid)
    const secrets = await c.deriveSecrets(suite, kid, c.fromHex(v.base_key))
    equal(c.hex(secrets.key), v.sframe_key, 'key')
    equal(c.hex(secrets.salt), v.sframe_salt, 'salt')
    const key = await c.deriveKey(suite, kid, c.fromHex(v.base_key))
    const metadata = c.fromHex(v.metadata)
    const sealed = await c.seal(key, BigInt(v.ctr), metadata, c.fromHex(v.pt))
    equal(c.hex(sealed), v.ct, 'ciphertext')
    equal(c.hex(await c.open(key, c.decodeHeader(sealed), metadata, sealed)), v.pt, 'opened')
    sealed[sealed.length - 1] ^= 1
    equal(await c.open(key, c.decodeHeader(sealed), metadata, sealed), undefined, 'tampered')
  }
  assert.equal(checks, 588)
})

test('SFrame is strict', async () => {
  for (const long of ['8005', '8000', '0805', '910001', '0b00000100']) {
    assert.equal(c.decodeHeader(c.fromHex(long)), undefined, `${long} is not in the fewest bytes`)
  }
  assert.equal(c.decodeHeader(new Uint8Array()), undefined)
  assert.equal(c.decodeHeader(c.fromHex('f0010203')), undefined, 'cut off')
  const key = await c.deriveKey(c.AES_256_GCM, 9n, new Uint8Array(32))
  const f = await c.seal(key, 8n, new Uint8Array(), new Uint8Array(20))
  for (let cut = 1; cut <= f.length; cut++) {
    const part = f.subarray(0, f.length - cut)
    const h = c.decodeHeader(part)
    assert.equal(h && await c.open(key, h, new Uint8Array(), part), undefined, `${cut} bytes short`)
  }
  for (let bit = 0; bit < f.length * 8; bit++) {
    const bad = f.slice()
    bad[bit >> 3] ^= 1 << (bit & 7)
    const h = c.decodeHeader(bad)
    assert.equal(h && await c.open(key, h, new Uint8Array(), bad), undefined, `bit ${bit}`)
  }
})
