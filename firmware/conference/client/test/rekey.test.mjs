// What a removal costs each of 30 members, headless, in one process of Node: the commit, and for everyone the new keys of all
// frames. Members work one after the other, so that a member's processor time and wall time are its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c, long, measured } from './harness.mjs'
import { Call, Person } from './people.mjs'

const SEATS = 30
const REMOVALS = Number(process.env.SUBROSA_REMOVALS ?? 60)
const TAG = 0x80000001

const p = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.ceil(q * list.length) - 1)]

// timed runs and returns processor and wall time in ms. Processor time counts WebCrypto's threads too.
async function timed (run) {
  const cpu = process.cpuUsage()
  const at = performance.now()
  const value = await run()
  const { user, system } = process.cpuUsage(cpu)
  return { value, cpu: (user + system) / 1000, wall: performance.now() - at }
}

// keys derives what a member's worker needs in a new epoch.
async function keys (group) {
  const all = []
  for (const m of group.members) all.push(await c.frameKey(TAG, m.leaf, group.epoch, await group.frameSecret(m.leaf)))
  return all
}

for (const suite of ['x25519', 'xwing']) {
  test(`rekey at ${SEATS} members, ${suite}`, { skip: long, timeout: 3600_000 }, async () => {
    const call = await Call.begin(suite, ['chair', ...Array.from({ length: SEATS - 1 }, () => 'councillor')])
    const made = { cpu: [], wall: [] }
    const taken = { cpu: [], wall: [] }
    const whole = []
    let bytes = 0
    for (let i = 0; i < REMOVALS; i++) {
      const by = call.people[i % (SEATS - 1)]
      const gone = call.people.slice(1).filter((x) => x !== by)[(i * 7) % (SEATS - 2)]
      const make = await timed(() => by.group.remove([gone.group.leaf]))
      made.cpu.push(make.cpu)
      made.wall.push(make.wall)
      bytes = Math.max(bytes, make.value.commit.length)
      let slowest = 0
      for (const x of call.people) {
        const take = await timed(async () => {
          x.turn = await x.group.process(make.value.commit)
          if (!x.turn.out) await keys(x.group)
        })
        if (x.turn.out || x === by) continue
        taken.cpu.push(take.cpu)
        taken.wall.push(take.wall)
        slowest = Math.max(slowest, take.wall)
      }
      whole.push(make.wall + slowest)
      call.people = call.people.filter((x) => !x.turn.out)
      await call.enter(await Person.make(`r${i}`, 'councillor', suite), call.people[0])
    }
    assert.equal(new Set(await call.codes()).size, 1)
    assert.equal(taken.cpu.length, REMOVALS * (SEATS - 2))
    const show = (l) => `${p(l, 0.5).toFixed(0)}/${p(l, 0.95).toFixed(0)}`
    measured(`${suite}, ${REMOVALS} removals at ${SEATS} members, median/p95 ms: remover CPU ${show(made.cpu)} wall ${show(made.wall)}; ` +
      `each other member incl. ${SEATS - 1} frame keys CPU ${show(taken.cpu)} wall ${show(taken.wall)}; remover and slowest member one after the other ${show(whole)}; commit at most ${bytes} B`)
  })
}
