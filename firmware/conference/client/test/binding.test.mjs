// The vectors of firmware/conference/binding: Go and the page must agree on every token.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { here } from '../build.mjs'
import { c } from './harness.mjs'

const v = JSON.parse(readFileSync(path.join(here, '../binding/testdata/vectors.json'), 'utf8'))

test('bindings', async () => {
  let good = 0
  for (const b of v.bindings) {
    const want = { server: c.fromBase64(v.server), room: b.room, key: c.fromBase64(b.key), origin: b.origin, level: b.level, now: b.now * 1000 }
    const got = await c.verifyBinding(b.token, want).then((x) => { good++; return x }, (e) => { assert.ok(e instanceof c.Refusal, `${b.name}: ${e.stack}`); return e })
    assert.equal(!(got instanceof c.Refusal), b.error === undefined || b.error === '', `${b.name}: ${got.message ?? 'accepted'}`)
  }
  assert.ok(good >= 3 && good < v.bindings.length, `${good} of ${v.bindings.length} are good`)
})

test('admissions', async () => {
  let good = 0
  for (const a of v.admissions) {
    const got = await c.verifyAdmission(a.token, [c.fromBase64(a.chair)], a.room, { group: c.fromBase64(a.group), ref: c.fromBase64(a.package), binding: c.utf8(a.binding) }, a.now * 1000)
      .then(() => { good++ }, (e) => { assert.ok(e instanceof c.Refusal, `${a.name}: ${e.stack}`); return e })
    assert.equal(!(got instanceof c.Refusal), a.error === undefined || a.error === '', `${a.name}: ${got?.message ?? 'accepted'}`)
  }
  assert.ok(good >= 1 && good < v.admissions.length, `${good} of ${v.admissions.length} are good`)
})
