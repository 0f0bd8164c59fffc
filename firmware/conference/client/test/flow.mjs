// What a change of keys does to those who stay, played with the page's own worker on both sides: one member sends 50 frames of
// speech and 30 of pictures a second, the other opens them, a line of LATENCY ms between. Both get the commit at the same moment
// and have each of its keys after as long as it took them to work that out. Time is played, too: sealing and opening take none of it, and
// what else the machine does is not in the figures.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { core } from '../build.mjs'

const LATENCY = 20
const TAG = 0x80000001
const dir = mkdtempSync(path.join(tmpdir(), 'subrosa-flow-'))
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
const file = core(path.join(dir, 'worker.mjs'), 'src/worker.ts')
let instances = 0

// Clock stands for the clock and timers of this process while it runs: it goes to the next timer when nothing is under way, the work of
// WebCrypto's threads included.
class Clock {
  now = 0
  #timers = []
  #n = 0
  #busy = 0

  at (t) { return new Promise((resolve) => this.#timers.push({ t: Math.max(t, this.now), n: this.#n++, resolve })) }

  async run (play) {
    const kept = Object.fromEntries(['performance', 'crypto', 'setTimeout'].map((k) => [k, Object.getOwnPropertyDescriptor(globalThis, k)]))
    const put = (k, value) => Object.defineProperty(globalThis, k, { value, configurable: true, writable: true })
    const { subtle } = globalThis.crypto
    const counted = new Proxy(subtle, {
      get: (_, k) => (...a) => {
        this.#busy++
        return subtle[k](...a).finally(() => { this.#busy-- })
      }
    })
    put('performance', { now: () => this.now })
    put('crypto', { subtle: counted })
    put('setTimeout', (run, ms, ...a) => { this.at(this.now + ms).then(() => run(...a)) })
    let done = false
    const playing = play().finally(() => { done = true })
    try {
      while (!done) {
        for (let idle = 0; idle < 3; idle = this.#busy === 0 ? idle + 1 : 0) await new Promise((resolve) => setImmediate(resolve))
        const next = this.#timers.sort((a, b) => a.t - b.t || a.n - b.n).shift()
        if (next === undefined) continue
        this.now = next.t
        next.resolve()
      }
      return await playing
    } finally {
      for (const [k, d] of Object.entries(kept)) Object.defineProperty(globalThis, k, d)
    }
  }
}

// worker is an instance of src/worker.ts of its own.
async function worker () {
  const scope = { replies: new Map(), postMessage (m) { if (m.type === 'turned') scope.replies.get(m.reply)?.(); else scope.counts = m.tracks } }
  const { setInterval: real, self } = globalThis
  globalThis.self = scope
  globalThis.setInterval = (run) => { scope.report = run } // its reports to the page
  try {
    await import(`${pathToFileURL(await file).href}?${++instances}`)
  } finally {
    globalThis.setInterval = real
    globalThis.self = self
  }
  return {
    hold: (ends) => scope.onmessage({ data: { type: 'hold', ends: Number(ends) } }),
    turn: (leaf, epoch, own, coming, removal) => new Promise((resolve) => {
      scope.replies.set(1, resolve)
      scope.onmessage({ data: { type: 'turn', roomTag: TAG, leaf, epoch, own: own.slice(), coming, removal, reply: 1 } })
    }),
    key: (epoch, leaf, secret) => scope.onmessage({ data: { type: 'key', epoch, leaf, secret: secret.slice() } }),
    counts: () => { scope.report(); return scope.counts },
    transform: (options, readable, writable) => scope.onrtctransform({ transformer: { readable, writable, options } })
  }
}

// track joins a source of frames at the sender with a sink at the receiver.
function track (from, to, source, codec, leaf) {
  const seen = { sent: [], out: [] } // times by number
  let push
  const frames = new ReadableStream({ start (c) { push = (data) => c.enqueue({ data: data.buffer, getMetadata: () => ({}) }) } })
  let arrive
  const line = new ReadableStream({ start (c) { arrive = (f) => c.enqueue(f) } })
  from.transform({ role: 'send', id: source, source, codec }, frames, new WritableStream({ write (f) { setTimeout(arrive, LATENCY, f) } }))
  to.transform({ role: 'receive', id: source, source, codec, leaf }, line, new WritableStream({ write (f) { seen.out[new DataView(f.data).getUint32(12)] = performance.now() } }))
  seen.send = () => {
    const b = new Uint8Array(codec === 'opus' ? 80 : 1000)
    b[0] = 1 // for VP8: no key frame
    new DataView(b.buffer).setUint32(12, seen.sent.length)
    seen.sent.push(performance.now())
    push(b)
  }
  return seen
}

// begun tells a worker of a whole epoch.
async function begun (w, { leaf, epoch, secrets }) {
  const own = secrets.find(([l]) => l === leaf)[1]
  const others = secrets.filter(([l]) => l !== leaf)
  const turned = w.turn(leaf, epoch, own, others.map(([l]) => l), false)
  for (const [l, s] of others) w.key(epoch, l, s)
  await turned
}

// play returns, for speech and pictures, how many frames were sent, how many never opened, by how much the latest of them was late,
// and what the receiver refused. before and after are {leaf, epoch, secrets} of sender and receiver; takes is, for each, after how many
// ms it has its own key, the one of whoever is first in its order, and all: {own, first, all}. The sender is first in the receiver's.
export function play (sender, receiver, takes) {
  const clock = new Clock()
  return clock.run(() => playing(clock, sender, receiver, takes))
}

async function playing (clock, sender, receiver, takes) {
  const at = (t) => clock.at(t)
  const [s, r] = [await worker(), await worker()]
  await begun(s, sender.before)
  await begun(r, receiver.before)
  const speech = track(s, r, 'microphone', 'opus', sender.before.leaf)
  const picture = track(s, r, 'camera', 'vp8', sender.before.leaf)
  const begin = performance.now()
  const commit = begin + 200 + Math.random() * 33
  const end = commit + Math.max(...takes.map((t) => t.all)) + 300
  const change = async (w, { before, after: { leaf, epoch, secrets } }, takes) => {
    const first = sender.before.leaf
    const give = (which) => { for (const [l, secret] of secrets) if (l !== leaf && which(l)) w.key(epoch, l, secret) }
    await at(commit)
    w.hold(before.epoch)
    await at(commit + takes.own)
    await w.turn(leaf, epoch, secrets.find(([l]) => l === leaf)[1], secrets.map(([l]) => l).filter((l) => l !== leaf), true)
    await at(commit + takes.first)
    give((l) => l === first)
    await at(commit + takes.all)
    give((l) => l !== first)
  }
  const stream = async (t, every) => { for (let n = 0; begin + n * every < end; n++) { await at(begin + n * every); t.send() } }
  await Promise.all([change(s, sender, takes[0]), change(r, receiver, takes[1]), stream(speech, 20), stream(picture, 1000 / 30)])
  await at(end + LATENCY + 300)
  const judge = ({ sent, out }) => {
    const delays = sent.map((t, i) => out[i] === undefined ? undefined : out[i] - t)
    const usual = [...delays.slice(0, 8)].filter((d) => d !== undefined).sort((a, b) => a - b)[4] ?? 0
    const there = delays.filter((d) => d !== undefined)
    return { sent: sent.length, lost: sent.length - there.length, late: Math.max(0, ...there.map((d) => d - usual)), held: there.filter((d) => d - usual > 34).length }
  }
  const refused = Object.fromEntries(r.counts().map((t) => [t.id, t.refused]))
  return { speech: judge(speech), picture: judge(picture), refused }
}
