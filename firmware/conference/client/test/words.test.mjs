// What members say to each other is believed only in its form, and cannot turn a line of somebody else's page round.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { here } from '../build.mjs'
import { c } from './harness.mjs'

const read = (v) => c.readWord(c.utf8(typeof v === 'string' ? v : JSON.stringify(v)))
const self = { name: 'Ada', mic: true, cam: false, screen: false, alone: true, mode: 'person' }

test('words in their form', () => {
  assert.deepEqual(read({ t: 'chat', text: ' Guten\nAbend ', at: 5 }), { t: 'chat', text: 'Guten\nAbend', at: 5 })
  assert.deepEqual(read({ t: 'self', self }), { t: 'self', self })
  assert.deepEqual(read({ t: 'mute', leaf: 3 }), { t: 'mute', leaf: 3 })
  assert.deepEqual(read({ t: 'remove', member: 'm-3' }), { t: 'remove', member: 'm-3' })
  assert.deepEqual(read({ t: 'self', self: { ...self, evil: 1 } }).self, self, 'what is more is dropped')
})

test('everything else is nobody\'s word', () => {
  for (const bad of ['', '{', 'null', '[]', '1', { t: 'chat' }, { t: 'chat', text: 'x', at: '1' }, { t: 'chat', text: 'x'.repeat(c.MAX_TEXT + 1), at: 1 }, { t: 'mute', leaf: -1 }, { t: 'mute', leaf: 1.5 },
    { t: 'mute', leaf: 65536 }, { t: 'self', self: null }, { t: 'self', self: { ...self, mic: 1 } }, { t: 'self', self: { ...self, mode: 'admin' } }, { t: 'self', self: { ...self, name: 7 } }, { t: 'unmute', leaf: 1 }, { t: 'remove' }, { t: 'remove', member: 3 }, { t: 'remove', member: '' }, { t: 'remove', member: 'M 3' }]) {
    assert.equal(read(bad), undefined, JSON.stringify(bad).slice(0, 60))
  }
  assert.equal(c.readWord(Uint8Array.of(0xff, 0xfe)), undefined)
})

test('names and texts turn nothing round', () => {
  assert.equal(read({ t: 'self', self: { ...self, name: 'A\u202e\u0000d\na\u2066' } }).self.name, 'Ada')
  assert.equal(read({ t: 'self', self: { ...self, name: 'x'.repeat(500) } }).self.name.length, 60)
  assert.equal(read({ t: 'chat', text: 'a\u202eb\u0007', at: 1 }).text, 'ab')
})

test('only chair and clerk are obeyed', () => {
  assert.deepEqual(['chair', 'clerk', 'councillor', 'guest', 'room', ''].map(c.mayOrder), [true, true, false, false, false, false])
})

test('every text of the page is there in both languages, and says nobody is spied on', () => {
  const source = readFileSync(path.join(here, 'src/text.ts'), 'utf8')
  const pairs = [...source.matchAll(/\['((?:[^'\\]|\\.)*)', '((?:[^'\\]|\\.)*)'\]/g)]
  assert.ok(pairs.length > 100, `${pairs.length} texts`)
  for (const [, de, en] of pairs) assert.ok(de !== '' && en !== '' && !/Täter|Spion|Überwachung/.test(de), de)
})

test('every reason to refuse something has words in both languages', () => {
  assert.ok(c.refusalWords.length > 10)
  for (const kind of [...c.refusalWords, 'other', 'plain', 'foreign', 'tampered', 'replayed']) {
    const [de, en] = c.words.fact[kind] ?? []
    assert.ok(de && en && de !== kind, `${kind} has no words`)
  }
  for (const factor of ['invite', 'sso', 'sso-strong', 'passkey', 'totp', 'certificate']) assert.equal(c.words.factor[factor]?.length, 2, factor) // binding.ts
})
