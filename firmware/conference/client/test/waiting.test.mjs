// That a chair is missing is said only if one is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'

const person = (id, role) => ({ id, role, member: id, leaf: -1, hand: 0, here: true, companion: false, declaration: true })
const joined = { participant: 'p2', role: 'councillor' }
const state = (...people) => ({ people })
const me = person('p2', 'councillor')

test('a chair is missing, and it is said', () => {
  assert.equal(c.waitsForChair(joined, state(me)), true)
  assert.equal(c.waitsForChair(joined, state(me, person('p3', 'clerk'))), true)
})

test('it is not said while the chair is here, or while it is not known', () => {
  assert.equal(c.waitsForChair(joined, state(person('p1', 'chair'), me)), false, 'the chair makes the group')
  assert.equal(c.waitsForChair(joined, undefined), false, 'no state yet')
  assert.equal(c.waitsForChair(undefined, undefined), false)
  assert.equal(c.waitsForChair({ ...joined, group: 'AA==' }, state(me)), false, 'there is a group already')
  assert.equal(c.waitsForChair(joined, { ...state(me), group: 'AA==' }), false)
  assert.equal(c.waitsForChair({ participant: 'p1', role: 'chair' }, state(person('p1', 'chair'))), false, 'the chair\'s own page')
  assert.equal(c.waitsForChair(joined, state(person('p9', 'guest'))), false, 'the state of another seat')
})

test('a chair who waits is not told to wait for the chair', () => {
  const chair = { participant: 'p1', role: 'chair' }
  const running = { ...state(person('p1', 'chair')), group: 'AA==' }
  assert.equal(c.lead('waiting', { ...chair, group: 'AA==' }, undefined), 'waitingChair')
  assert.equal(c.lead('waiting', chair, running), 'waitingChair')
  assert.equal(c.lead('waiting', chair, state(person('p1', 'chair'))), 'connecting', 'about to make the group')
  assert.equal(c.lead('waiting', joined, { ...running, people: [me] }), 'waiting')
  assert.equal(c.lead('waiting', joined, state(me)), 'noChair')
  assert.deepEqual(['lobby', 'lost', 'connecting'].map((p) => c.lead(p, chair, running)), ['lobby', 'lost', 'connecting'])
})
