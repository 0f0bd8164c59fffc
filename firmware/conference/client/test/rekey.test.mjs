// What a removal costs each of 30 members, headless, in one process of Node: the commit, and for everyone the new keys of all
// frames. Members work one after the other, so that a member's processor time and wall time are its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c, long, measured } from './harness.mjs'
import { play } from './flow.mjs'
import { Call, Person } from './people.mjs'

const SEATS = 30
const REMOVALS = Number(process.env.SUBROSA_REMOVALS ?? 60)
const TAG = 0x80000001

const p = (list, q) => [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.ceil(q * list.length) - 1)]

// timed runs and returns processor and wall time in ms, and those of what run notes. Processor time counts WebCrypto's threads too.
async function timed (run) {
  const before = process.cpuUsage()
  const at = performance.now()
  const now = () => {
    const { user, system } = process.cpuUsage(before)
    return { cpu: (user + system) / 1000, wall: performance.now() - at }
  }
  const noted = {}
  const value = await run((what) => { noted[what] = now() })
  return { value, noted, ...now() }
}

// keys derives what a member's worker needs in a new epoch, in the page's own order, and notes when what was there.
async function keys (group, first, note) {
  let own
  const derived = []
  const worker = {
    turn: async (tag, leaf, epoch, secret) => { own = c.frameKey(tag, leaf, epoch, secret).then(() => { note('own') }); await own },
    key: (epoch, leaf, secret) => {
      const then = derived.length === 0 ? () => { note('first') } : undefined
      derived.push(own.then(() => c.frameKey(TAG, leaf, epoch, secret)).then(then))
    }
  }
  await c.handKeys(group, worker, TAG, true, [first])
  await Promise.all(derived)
  note('all')
}

// state is what a member's worker is told of an epoch.
async function state (group) {
  const secrets = []
  for (const m of group.members) secrets.push([m.leaf, await group.frameSecret(m.leaf)])
  return { leaf: group.leaf, epoch: group.epoch, secrets }
}

// Flow gathers what those who stay lose.
class Flow {
  speech = []
  picture = []

  add (f) { this.speech.push(f.speech); this.picture.push(f.picture) }

  say (suite, what) {
    const of = (l, k) => { const v = l.map((x) => x[k]); return `${p(v, 0.5).toFixed(0)}/${p(v, 0.95).toFixed(0)}/${Math.max(...v).toFixed(0)}` }
    const buffered = this.speech.map((x) => ({ gap: Math.max(0, x.late - 60) + 20 * x.lost }))
    measured(`${suite}, those who stay, ${what}, median/p95/largest of ${this.speech.length}: frames never opened: speech ${of(this.speech, 'lost')}, pictures ${of(this.picture, 'lost')}; ` +
      `latest frame of speech late by ${of(this.speech, 'late')} ms, of pictures by ${of(this.picture, 'late')} ms; pictures late by more than one ${of(this.picture, 'held')}; ` +
      `speech concealed with a jitter buffer of 60 ms ${of(buffered, 'gap')} ms`)
  }
}

test('a change of keys in play: nothing is lost, and what was held is late by as long', async () => {
  const call = await Call.begin('x25519', ['chair', 'councillor', 'councillor', 'councillor'])
  const [a, b, gone] = call.people.slice(1)
  const sides = [{ before: await state(a.group) }, { before: await state(b.group) }]
  const { commit } = await call.people[0].group.remove([gone.group.leaf])
  for (const [x, side] of [[a, sides[0]], [b, sides[1]]]) { await x.group.process(commit); side.after = await state(x.group) }
  const f = await play(...sides, [{ own: 120, first: 120, all: 120 }, { own: 40, first: 40, all: 40 }])
  assert.ok(f.speech.sent > 20 && f.speech.lost <= 1 && f.picture.lost <= 1, JSON.stringify(f))
  assert.ok(f.speech.late > 99 && f.speech.late <= 120, `held for 120 ms, but late by ${f.speech.late}`)
  const early = await play(...sides, [{ own: 40, first: 900, all: 900 }, { own: 30, first: 100, all: 1000 }])
  assert.ok(early.speech.lost === 0 && early.picture.lost === 0, `who waits for a sender's key loses nothing: ${JSON.stringify(early)}`)
  assert.ok(early.speech.late > 59 && early.speech.late <= 80, `sent after 40 ms, opened after 100 less the line's 20, but late by ${early.speech.late}`)
  assert.deepEqual(early.refused, { microphone: 0, camera: 0 }, 'and takes it for no attack')
  const others = { ...sides[1].after, secrets: sides[1].after.secrets.map(([leaf]) => [leaf, new Uint8Array(32)]) }
  const wrong = await play(sides[0], { ...sides[1], after: others }, [{ own: 40, first: 40, all: 40 }, { own: 40, first: 40, all: 40 }])
  assert.ok(wrong.speech.lost > 10, 'who has other keys opens nothing')
})

// ways are in which order the keys come: as the page does it, for somebody who is heard and for one who begins just then, and, to
// compare, none before all are there.
const ways = {
  'own first, then whoever is heard': (own, first, all) => ({ own, first, all }),
  'own first, the sender\'s last': (own, first, all) => ({ own, first: all, all }),
  'all at once': (own, first, all) => ({ own: all, first: all, all })
}

for (const suite of ['x25519', 'xwing']) {
  test(`rekey at ${SEATS} members, ${suite}`, { skip: long, timeout: 3600_000 }, async () => {
    const call = await Call.begin(suite, ['chair', ...Array.from({ length: SEATS - 1 }, () => 'councillor')])
    const made = { cpu: [], wall: [] }
    const taken = { cpu: [], wall: [] }
    const ready = { cpu: [], wall: [] }
    const whole = []
    const flows = Object.fromEntries(Object.keys(ways).map((w) => [w, { cpu: new Flow(), wall: new Flow() }]))
    let bytes = 0
    for (let i = 0; i < REMOVALS; i++) {
      const by = call.people[i % (SEATS - 1)]
      const gone = call.people.slice(1).filter((x) => x !== by)[(i * 7) % (SEATS - 2)]
      const stay = call.people.filter((x) => x !== by && x !== gone)
      const two = [stay[(i * 5) % stay.length], stay[(i * 5 + 11) % stay.length]]
      const sides = []
      for (const x of two) sides.push({ before: await state(x.group) })
      const make = await timed(() => by.group.remove([gone.group.leaf]))
      made.cpu.push(make.cpu)
      made.wall.push(make.wall)
      bytes = Math.max(bytes, make.value.commit.length)
      let slowest = 0
      for (const x of call.people) {
        const take = await timed(async (note) => {
          x.turn = await x.group.process(make.value.commit)
          if (!x.turn.out) await keys(x.group, two.find((y) => y !== x).group.leaf, note)
        })
        if (two.includes(x)) sides[two.indexOf(x)].take = take.noted
        if (x.turn.out || x === by) continue
        for (const k of ['cpu', 'wall']) {
          taken[k].push(take[k])
          ready[k].push(take.noted.own[k])
        }
        slowest = Math.max(slowest, take.wall)
      }
      whole.push(make.wall + slowest)
      for (const [k, x] of two.entries()) sides[k].after = await state(x.group)
      for (const [w, way] of Object.entries(ways)) {
        for (const k of ['cpu', 'wall']) flows[w][k].add(await play(...sides, sides.map((x) => way(x.take.own[k], x.take.first[k], x.take.all[k]))))
      }
      call.people = call.people.filter((x) => !x.turn.out)
      await call.enter(await Person.make(`r${i}`, 'councillor', suite), call.people[0])
    }
    assert.equal(new Set(await call.codes()).size, 1)
    assert.equal(taken.cpu.length, REMOVALS * (SEATS - 2))
    const show = (l) => `${p(l, 0.5).toFixed(0)}/${p(l, 0.95).toFixed(0)}`
    measured(`${suite}, ${REMOVALS} removals at ${SEATS} members, median/p95 ms: remover CPU ${show(made.cpu)} wall ${show(made.wall)}; ` +
      `each other member until it may send CPU ${show(ready.cpu)} wall ${show(ready.wall)}, incl. ${SEATS - 1} frame keys CPU ${show(taken.cpu)} wall ${show(taken.wall)}; remover and slowest member one after the other ${show(whole)}; commit at most ${bytes} B`)
    for (const [w, { cpu, wall }] of Object.entries(flows)) {
      cpu.say(suite, `${w}, as long as its processor time`)
      wall.say(suite, `${w}, as long as by this machine's clock`)
    }
  })
}
