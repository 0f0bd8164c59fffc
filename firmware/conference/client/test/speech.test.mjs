// Who was removed is a signed word in the group: obeyed from chair and clerk, from nobody else, and whatever the server says.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'
import { Call } from './people.mjs'

test('a removal is heard from who may order it', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor'])
  const [chair, clerk, councillor] = call.people
  const heard = []
  const speech = new c.Speech({ group: () => chair.group, silent: () => false, removed: (by, member) => { heard.push([by.member, by.role, member]) } })
  for (const p of [clerk, councillor]) {
    await speech.delivered(await p.group.seal(c.utf8(JSON.stringify({ t: 'remove', member: 'p2' }))))
  }
  assert.deepEqual(heard, [['p1', 'clerk', 'p2']])
  // what is not of the group is nobody's word
  const other = await Call.begin('x25519', ['chair', 'clerk'])
  await speech.delivered(await other.people[1].group.seal(c.utf8(JSON.stringify({ t: 'remove', member: 'p1' }))))
  assert.equal(heard.length, 1)
})
