// Those who were taken in together give themselves keys one after the other. The server here orders commits and nothing else; the
// clock is the test's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c } from './harness.mjs'
import { Call, GROUP, Person } from './people.mjs'

// Room has a chair, five newcomers added in one commit, and a server that takes the first commit of an epoch and refuses the rest.
class Room {
  made = 0 // commits that newcomers made
  held = []

  static async open (silent = []) {
    const r = new Room()
    r.call = await Call.begin('x25519', ['chair'])
    const [chair] = r.call.people
    r.came = []
    for (let i = 1; i <= 5; i++) r.came.push(await Person.make(`p${i}`, 'councillor', 'x25519'))
    const candidates = []
    for (const p of r.came) candidates.push({ keyPackage: p.ticket.message, admission: await chair.admit(p.ticket) })
    const { proposed } = await r.call.commit(chair, (g) => g.add(candidates))
    for (const p of r.came) {
      p.group = await c.Group.join(GROUP, proposed.welcome, p.ticket, chair.group.judge)
      r.call.people.push(p)
    }
    r.queue = []
    for (const p of r.came.filter((_, i) => !silent.includes(i))) {
      p.tail = Promise.resolve()
      p.commits = new c.Commits({
        group: () => p.group,
        id: () => 'g',
        ready: () => true,
        send: (m) => { r.made++; r.queue.push([p, m]) },
        refused: (err) => { throw err },
        serial: (run) => { p.tail = p.tail.then(run) }
      })
    }
    return r
  }

  // serve takes what has been sent, in its order, until nobody sends any more.
  async serve () {
    for (;;) {
      await Promise.all(this.came.map((p) => p.tail))
      const next = this.queue.shift()
      if (next === undefined) return
      const [by, m] = next
      if (m.epoch !== Number(this.call.people[0].group.epoch)) { await by.commits.cameSecond('late'); continue }
      this.held.push(by.group.leaf)
      for (const p of this.call.people) {
        const turn = await p.group.process(c.fromBase64(m.commit))
        p.commits?.held(turn, p.group.leaf)
      }
      for (const p of this.call.people) await p.commits?.pump()
    }
  }
}

test('five who were taken in at once make five commits, by their leaves, when their media are under way', async (t) => {
  const r = await Room.open()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let go
  const media = new Promise((resolve) => { go = resolve })
  for (const p of r.came) p.commits.owes(media)
  await r.serve()
  assert.equal(r.made, 0, 'nobody commits before media')
  go()
  await media
  t.mock.timers.tick(1499)
  await r.serve()
  assert.equal(r.made, 0, 'nor while pictures come')
  t.mock.timers.tick(1)
  await r.serve()
  assert.deepEqual(r.held, [1, 2, 3, 4, 5])
  assert.equal(r.made, 5, 'none was made twice')
  assert.deepEqual(r.came.map((p) => p.group.ahead), [0, 0, 0, 0, 0])
  t.mock.timers.tick(60_000)
  await r.serve()
  assert.equal(r.made, 5, 'and nobody owes another')
  assert.equal(new Set(await r.call.codes()).size, 1)
})

test('one who does not answer is not waited for for ever, nor is a server that answers no offer', async (t) => {
  const r = await Room.open([0])
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (const p of r.came.slice(1)) p.commits.owes(new Promise(() => {}))
  for (let ms = 0; ms < 12_000; ms += 500) { t.mock.timers.tick(500); await r.serve() }
  assert.deepEqual(r.held, [2, 3, 4, 5])
  assert.equal(r.made, 4)
})

test('who has left the group owes it nothing', async (t) => {
  const r = await Room.open()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  r.came[0].commits.owes(Promise.resolve())
  r.came[0].commits.clear()
  r.came[0].group = undefined
  t.mock.timers.tick(60_000)
  await r.came[0].tail
  assert.equal(r.made, 0)
})

test('a refresh that the server finds too much waits', async (t) => {
  const r = await Room.open()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const [p] = r.came
  p.commits.owes(new Promise(() => {}))
  t.mock.timers.tick(3000)
  await p.tail
  assert.equal(r.made, 1)
  r.queue.length = 0
  await p.commits.cameSecond('often')
  t.mock.timers.tick(4999)
  await p.tail
  assert.equal(r.made, 1, 'not at once again')
  t.mock.timers.tick(1)
  await p.tail
  assert.equal(r.made, 2)
  await r.serve()
  assert.deepEqual(r.held, [1])
})
