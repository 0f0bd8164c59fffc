// Who waits at the door is who still does; a word that the server did not take is no word.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'

const person = (id, leaf) => ({ id, leaf, role: 'councillor', member: id, hand: 0, here: true, companion: false, declaration: false })
const knock = (participant) => ({ type: 'knock', participant, member: participant, role: 'councillor', on_roster: true, lobby: true, package: 'AAAA' })

function door (role) {
  const sent = []
  const d = new c.Door({
    seat: () => ({ room: 'ratssaal', role, participant: 'p0' }), group: () => undefined, ticket: () => undefined, binding: () => '', sign: async (m) => m,
    judge: () => ({ identify: async () => { throw new Error('these packages hold nobody') } }), serial: (run) => { void run() }, send: (m) => { sent.push(m) }, changed: () => {}, otherPasskey: () => {}
  })
  return { d, sent, waiting: () => [...d.knocks.keys()].join() }
}

test('a chair is shown nobody before their key package is there, a clerk is', () => {
  for (const [role, then] of [['chair', ''], ['clerk', 'p1']]) {
    const { d, waiting } = door(role)
    d.knocked({ ...knock('p1'), package: undefined })
    assert.equal(waiting(), then, role)
    d.knocked(knock('p1'))
    assert.equal(waiting(), 'p1', role)
  }
})

test('who has gone waits no more, however often they came', () => {
  const { d, waiting } = door('chair')
  for (const id of ['p1', 'p2', 'p3']) d.knocked(knock(id)) // one person, who came back twice
  d.seen([person('p0', 0)], ['p3'])
  assert.equal(waiting(), 'p3')
  d.seen([person('p0', 0)])
  assert.equal(waiting(), '')
})

test('who is in the call but not in the group waits for the chair, not for the clerk', () => {
  for (const [role, then] of [['chair', 'p1'], ['clerk', '']]) {
    const { d, waiting } = door(role)
    d.knocked(knock('p1'))
    d.seen([person('p0', 0), person('p1', -1)])
    assert.equal(waiting(), then, role)
  }
})

test('whose admission the server refused waits again, unless they have gone or are in', () => {
  const { d, sent, waiting } = door('clerk')
  for (const id of ['p1', 'p2', 'p3']) { d.knocked(knock(id)); d.admit(id) }
  assert.equal(sent.length, 3)
  assert.equal(waiting(), '')
  d.seen([person('p0', 0), person('p2', 2)], ['p1'])
  d.refused()
  assert.equal(waiting(), 'p1')
})
