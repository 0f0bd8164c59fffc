// Who was removed, and what a server says of levels, played with whole pages.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { Page, Server, gather, until } from './council.mjs'

beforeEach(() => { mock.timers.enable({ apis: ['setTimeout'] }) })
afterEach(() => { mock.timers.reset() })

test('whom a clerk removed the chair\'s page does not let in again by itself; whose page went away it does', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair, clerk, gone, removed] = await gather(server, ['chair', 'clerk', 'councillor', 'councillor'])
  clerk.call.remove(removed.call.leaf)
  for (const p of [chair, clerk, gone]) await p.settled(3)
  gone.close()
  for (const p of [chair, clerk]) await p.settled(2)
  const words = chair.sent('admit').length
  // both come with the passkey of before; the server, which helps the one, takes no notice of the removal
  const again = await Page.open(server, removed.who)
  const back = await Page.open(server, gone.who)
  for (const p of [chair, clerk, back]) await p.settled(3)
  await until('knocks', () => chair.call.knocks.has(again.seat.id))
  assert.deepEqual(chair.sent('admit').slice(words).map((m) => m.participant), [back.seat.id])
  chair.call.admit(again.seat.id) // a person has pressed
  for (const p of [chair, clerk, back, again]) await p.settled(4)
})

test('a page that was told of a stricter level takes part in no open group, and says why', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair] = await gather(server, ['chair'])
  server.level = 'public'
  server.regroup()
  await until('it has gone', () => chair.call.phase === 'over')
  assert.equal(chair.call.ended.reason, 'open')
  assert.notEqual(chair.call.ended.text.de, '')
  assert.equal(chair.studio.closed, true)
})

test('a page that is told of a stricter level leaves an open group', { timeout: 600_000 }, async () => {
  const server = await Server.start('public')
  const [chair] = await gather(server, ['chair'])
  assert.equal(chair.group.unsigned, true)
  server.level = 'nonpublic'
  server.said()
  await until('it has left', () => chair.call.phase === 'waiting')
  assert.equal(chair.studio.closed, true)
  server.regroup()
  await until('in a closed one', () => chair.call.phase === 'in')
  assert.equal(chair.group.unsigned, false)
})
