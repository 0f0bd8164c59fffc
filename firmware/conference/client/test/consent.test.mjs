// A recording is everybody's to refuse: the state machine that each page runs, with three pages that hear each other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c, long } from './harness.mjs'

// House has members' pages whose words reach all others at once, as the group's messages do.
class House {
  constructor () { this.people = new Map(); this.queue = [] }

  come (leaf, role, who = `key-${leaf}-${Math.random()}`) {
    const p = { leaf, role, who, did: [], told: [] }
    p.consent = new c.Consent({
      say: (id, what) => { this.queue.push([p, id, what]) },
      record: (what) => { p.did.push(what) },
      tell: (what) => { p.told.push(what) }
    })
    this.people.set(leaf, p)
    this.turn()
    return p
  }

  go (p) { this.people.delete(p.leaf); this.turn() }

  turn (strangers = false) {
    const present = new Map([...this.people.values()].map((p) => [p.leaf, p.who]))
    for (const p of this.people.values()) p.consent.turned(p.leaf, present, strangers)
    this.flow()
  }

  flow () {
    for (let m; (m = this.queue.shift());) {
      const [from, id, what] = m
      if (this.people.get(from.leaf) !== from) continue
      for (const p of this.people.values()) if (p !== from) p.consent.heard(from.leaf, from.role, id, what)
    }
  }

  ask (p, id = 'a1') { p.consent.ask(id, p.role); this.flow() }
  answer (p, yes) { p.consent.answer(yes); this.flow() }
  phases () { return [...this.people.values()].map((p) => p.consent.phase).join() }
}

const three = () => { const h = new House(); return [h, h.come(0, 'chair'), h.come(1, 'clerk'), h.come(2, 'councillor')] }

test('only with the yes of all, and silence is none', () => {
  const [h, chair, clerk, member] = three()
  h.ask(chair)
  assert.equal(h.phases(), 'asked,asked,asked')
  h.answer(clerk, true)
  assert.deepEqual(chair.did, [])
  h.answer(member, true)
  assert.deepEqual([chair.did, chair.told, h.phases()], [['start'], ['begin'], 'on,on,on'])
  assert.deepEqual([clerk.did, member.did], [[], []], 'only the asker\'s device records')
})

test('one no, and it is over; nothing was recorded', () => {
  const [h, chair, clerk, member] = three()
  h.ask(chair)
  h.answer(clerk, true)
  h.answer(member, false)
  assert.deepEqual([chair.did, chair.told, h.phases()], [[], [], 'none,none,none'])
})

test('a consent taken back ends it at once', () => {
  const [h, chair, clerk, member] = three()
  h.ask(clerk)
  h.answer(chair, true)
  h.answer(member, true)
  h.answer(member, false)
  assert.deepEqual([clerk.did, clerk.told, member.told, h.phases()], [['start', 'stop'], ['begin', 'end'], ['withdrawn'], 'none,none,none'])
})

test('a newcomer holds it up until they have agreed, also on the leaf of one who went', () => {
  const [h, chair, clerk, member] = three()
  h.ask(chair)
  h.answer(clerk, true)
  h.answer(member, true)
  h.go(member)
  assert.deepEqual(chair.did, ['start'], 'who goes takes nothing with them')
  const next = h.come(2, 'guest')
  assert.deepEqual([chair.did.at(-1), next.consent.phase, next.consent.mine], ['pause', 'asked', undefined])
  assert.equal(clerk.consent.phase, 'paused')
  h.answer(next, true)
  assert.deepEqual([chair.did, h.phases()], [['start', 'pause', 'resume'], 'on,on,on'])
  h.people.delete(2) // somebody else on a leaf in one and the same commit
  const other = h.come(2, 'guest')
  assert.deepEqual([chair.did.at(-1), other.consent.phase], ['pause', 'asked'])
  h.answer(other, true)
  assert.equal(chair.did.at(-1), 'resume')
  const last = h.come(3, 'guest')
  h.answer(last, false)
  assert.deepEqual([chair.did.at(-1), h.phases()], ['stop', 'none,none,none,none'])
})

test('words that an epoch swallowed are said again with the next', () => {
  const [h, chair, clerk, member] = three()
  h.ask(chair)
  clerk.consent.answer(true)
  h.queue = [] // lost
  h.answer(member, true)
  assert.equal(h.phases(), 'asked,asked,asked')
  const present = new Map([...h.people.values()].map((p) => [p.leaf, p.who]))
  for (const p of h.people.values()) p.consent.turned(p.leaf, present, false, true)
  h.flow()
  assert.deepEqual([chair.did, h.phases()], [['start'], 'on,on,on'])
})

test('a stricter level ends it for good, and no word about it is heeded', () => {
  const [h, chair, clerk, member] = three()
  h.ask(chair)
  h.answer(clerk, true)
  h.answer(member, true)
  for (const p of h.people.values()) p.consent.forbid()
  h.flow()
  assert.deepEqual([chair.did, h.phases()], [['start', 'stop'], 'none,none,none'])
  h.ask(chair, 'a2')
  assert.equal(h.phases(), 'none,none,none')
  const fresh = h.come(3, 'chair') // a page that has not heard of the level yet
  fresh.consent.ask('a3', 'chair')
  h.flow()
  assert.deepEqual([...h.people.values()].slice(0, 3).map((p) => p.consent.phase), ['none', 'none', 'none'], 'members\' pages refuse')
  assert.deepEqual(fresh.did, [])
})

test('who may not ask is not heard, nor who is not the asker', () => {
  const [h, chair, clerk, member] = three()
  h.ask(member)
  assert.equal(h.phases(), 'none,none,none')
  chair.consent.heard(2, 'councillor', 'x', 'ask')
  assert.equal(chair.consent.phase, 'none')
  h.ask(chair)
  clerk.consent.heard(2, 'councillor', 'a1', 'on')
  clerk.consent.heard(2, 'councillor', 'a1', 'end')
  clerk.consent.heard(0, 'chair', 'other', 'on')
  assert.equal(clerk.consent.phase, 'asked')
  h.ask(clerk, 'a2')
  assert.equal(member.consent.asker, 0, 'one question at a time')
})

test('somebody who cannot be asked, and an asker who goes', () => {
  const [h, chair, clerk, member] = three()
  h.ask(chair)
  h.answer(clerk, true)
  h.answer(member, true)
  h.turn(true)
  assert.deepEqual([chair.did, h.phases()], [['start', 'pause'], 'paused,paused,paused'])
  h.turn(false)
  assert.equal(chair.did.at(-1), 'resume')
  h.go(chair)
  assert.equal(h.phases(), 'none,none')
})

test('whatever comes in whatever order: recorded is only while all present have agreed', () => {
  let seed = 3
  const random = (n) => { seed = Math.imul(seed, 1664525) + 1013904223 >>> 0; return (seed >>> 8) % n }
  for (let run = 0; run < (long ? 300 : 20_000); run++) {
    const [h] = three()
    for (let i = 0; i < 40; i++) {
      const all = [...h.people.values()]
      const p = all[random(all.length)]
      const what = random(9)
      if (what === 0) h.ask(p, `q${run}-${i}`)
      else if (what < 5) h.answer(p, random(5) > 0)
      else if (what === 5 && all.length < 5) h.come([0, 1, 2, 3, 4].find((l) => !h.people.has(l)), ['guest', 'clerk'][random(2)])
      else if (what === 6 && all.length > 1) h.go(p)
      else if (what === 7) p.consent.heard(random(5), ['chair', 'guest'][random(2)], `q${run}-${random(i + 1)}`, c.consentWords[random(6)])
      else if (what === 8 && random(10) === 0) { p.consent.forbid(); p.forbidden = true; h.flow() }
      for (const q of h.people.values()) {
        const last = q.did.at(-1)
        if (last !== 'start' && last !== 'resume') continue
        assert.ok(!q.forbidden, 'recording where it is forbidden')
        for (const o of h.people.values()) if (what !== 7) assert.ok(o.consent.mine === true || o.lied, `run ${run}, step ${i}: ${o.leaf} has not agreed`)
      }
      if (what === 7) break // a forged word: only the forger's own page is judged no more
    }
  }
})
