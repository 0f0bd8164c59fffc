// The vectors of the MLS working group for the cipher suite that we use and that has any (1): they run in Node against the
// pinned ts-mls and the page's own hashes (src/suite.ts). X-Wing has none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToBase64, decodeMlsMessage, joinGroup, makePskIndex, mlsExporter, processPrivateMessage, processPublicMessage } from 'ts-mls'
import { decodeRatchetTree } from 'ts-mls/ratchetTree.js'
import { c, data } from './harness.mjs'

const v = JSON.parse(data('mls.json'))
const impl = await c.suiteOf('x25519')
const hex = c.fromHex
const psks = (list) => Object.fromEntries(list.map((p) => [bytesToBase64(hex(p.psk_id)), hex(p.psk)]))

test('exporter', async () => {
  let n = 0
  for (const s of v['key-schedule']) {
    for (const e of s.epochs) {
      const got = await mlsExporter(hex(e.exporter_secret), e.exporter.label, hex(e.exporter.context), e.exporter.length, impl)
      assert.equal(c.hex(got), e.exporter.secret)
      n++
    }
  }
  assert.ok(n >= 5, `${n} epochs`)
})

test('signatures and hash references', async () => {
  const { signWithLabel, verifyWithLabel } = await import('ts-mls/crypto/signature.js')
  for (const s of v['crypto-basics']) {
    const k = s.sign_with_label
    assert.ok(await verifyWithLabel(hex(k.pub), k.label, hex(k.content), hex(k.signature), impl.signature))
    const sig = await signWithLabel(hex(k.priv), k.label, hex(k.content), impl.signature)
    assert.ok(await verifyWithLabel(hex(k.pub), k.label, hex(k.content), sig, impl.signature))
    sig[0] ^= 1
    assert.ok(!await verifyWithLabel(hex(k.pub), k.label, hex(k.content), sig, impl.signature))
  }
})

async function enter (s) {
  const kp = decodeMlsMessage(hex(s.key_package), 0)[0].keyPackage
  const welcome = decodeMlsMessage(hex(s.welcome), 0)[0].welcome
  const keys = { initPrivateKey: hex(s.init_priv), hpkePrivateKey: hex(s.encryption_priv), signaturePrivateKey: hex(s.signature_priv) }
  const tree = s.ratchet_tree ? decodeRatchetTree(hex(s.ratchet_tree), 0)[0] : undefined
  const state = await joinGroup(welcome, kp, keys, makePskIndex(undefined, psks(s.external_psks)), impl, tree)
  assert.equal(c.hex(state.keySchedule.epochAuthenticator), s.initial_epoch_authenticator)
  return state
}

for (const name of ['passive-client-welcome', 'passive-client-handling-commit']) {
  test(name, async () => {
    let epochs = 0
    for (const s of v[name]) {
      let state = await enter(s)
      const index = makePskIndex(state, psks(s.external_psks))
      const take = async (bytes) => {
        const m = decodeMlsMessage(bytes, 0)[0]
        const r = m.wireformat === 'mls_public_message' ? await processPublicMessage(state, m.publicMessage, index, impl) : await processPrivateMessage(state, m.privateMessage, index, impl)
        state = r.newState
      }
      for (const e of s.epochs) {
        for (const p of e.proposals) await take(hex(p))
        await take(hex(e.commit))
        assert.equal(c.hex(state.keySchedule.epochAuthenticator), e.epoch_authenticator)
        epochs++
      }
    }
    assert.ok(v[name].length >= 8 && (epochs > 0 || name.endsWith('welcome')), `${v[name].length} groups, ${epochs} epochs`)
  })
}
