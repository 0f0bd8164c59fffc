// Speech over bad lines: somebody reads aloud in one Chromium, another Chromium hears it through the real confd and a relay that
// loses, delays and narrows (firmware/conference/linktest), and what its jitter buffer gave out is judged as intelligible or
// not (dsp/speechtest). The others only send pictures, and more of them than the line can take.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Person, absent, launch, long, measured } from '../../../firmware/conference/browser/people.mjs'
import { serve } from './confd.mjs'

const skip = absent()
const SECONDS = 16 // the speech is 7.1 s long and read again and again, with 0.4 s between
let server, browser, people

// reads makes the microphone read the speech aloud; it runs in the page.
function reads () {
  const devices = navigator.mediaDevices
  if (devices === undefined) return
  const before = devices.getUserMedia
  devices.getUserMedia = async (want) => {
    if (want.video) return await before(want)
    const ctx = new AudioContext({ sampleRate: 48000 })
    const speech = await ctx.decodeAudioData(await (await fetch('/test/speech')).arrayBuffer())
    const buffer = ctx.createBuffer(1, speech.length + 19200, 48000)
    buffer.copyToChannel(speech.getChannelData(0), 0)
    const source = new AudioBufferSourceNode(ctx, { buffer, loop: true })
    const to = new MediaStreamAudioDestinationNode(ctx, { channelCount: 1 })
    source.connect(to)
    source.start()
    return to.stream
  }
}

// moves makes the camera show noise, which no encoder makes small: 160×360, 10 a second: high enough for two layers, and little work.
function moves (seed) {
  const devices = navigator.mediaDevices
  if (devices === undefined) return
  const before = devices.getUserMedia
  devices.getUserMedia = async (want) => {
    if (!want.video) return await before(want)
    const canvas = Object.assign(document.createElement('canvas'), { width: 160, height: 360 })
    const g = canvas.getContext('2d')
    const picture = g.createImageData(160, 90)
    setInterval(() => {
      for (let i = 0; i < picture.data.length; i++) { seed = (seed * 1664525 + 1013904223) >>> 0; picture.data[i] = i % 4 === 3 ? 255 : seed >>> 24 }
      for (let y = 0; y < 360; y += 90) g.putImageData(picture, 0, y)
    }, 100)
    return canvas.captureStream(10)
  }
}

// behind has everything of the page go through the relay's port: no TURN, no TCP, one candidate.
function behind (port) {
  const Real = globalThis.RTCPeerConnection
  if (Real === undefined) return
  globalThis.RTCPeerConnection = class extends Real {
    constructor (c) { super({ ...c, iceServers: [] }) }
    setRemoteDescription ({ type, sdp }) {
      return super.setRemoteDescription({ type, sdp: sdp.replace(/a=candidate:.*\r\n/g, (l) => / udp /i.test(l) ? l.replace(/ \d+ typ /, ` ${port} typ `) : '') })
    }
  }
}

const line = async (weather) => await (await fetch(`${server.url}/test/line`, { method: 'POST', body: JSON.stringify(weather) })).json()

// hears takes what comes of somebody's voice for some seconds and has it judged, with the counts of the jitter buffer.
const hears = (p, leaf) => p.page.evaluate(async ([leaf, seconds]) => {
  const { receiver } = window.conference.tracks.find((t) => t.leaf === leaf && t.source === 'microphone')
  const stats = async () => [...(await receiver.getStats()).values()].find((s) => s.type === 'inbound-rtp')
  const a = await stats()
  const reader = new MediaStreamTrackProcessor({ track: receiver.track, maxBufferSize: 2000 }).readable.getReader()
  const parts = []
  let n = 0
  let rate = 48000
  while (n < seconds * rate) {
    const { value, done } = await reader.read()
    if (done) throw new Error('the track ended')
    rate = value.sampleRate
    const part = new Float32Array(value.numberOfFrames)
    value.copyTo(part, { planeIndex: 0, format: 'f32-planar' })
    value.close()
    parts.push(part)
    n += part.length
  }
  await reader.cancel()
  const b = await stats()
  const r = await fetch(`/test/heard?rate=${rate}`, { method: 'POST', body: new Blob(parts) })
  if (!r.ok) throw new Error(await r.text())
  const d = (k) => Number(b[k] ?? 0) - Number(a[k] ?? 0)
  return {
    ...await r.json(), concealed: d('concealedSamples') / Math.max(1, d('totalSamplesReceived')), lost: d('packetsLost'), packets: d('packetsReceived'), late: d('packetsDiscarded'),
    buffer: d('jitterBufferDelay') / Math.max(1, d('jitterBufferEmittedCount'))
  }
}, [leaf, SECONDS])

// pictures is what of the others' pictures was decoded, by leaf.
const pictures = (p) => p.page.evaluate(async () => {
  const out = {}
  for (const t of window.conference.tracks.filter((t) => t.source === 'camera')) {
    const s = [...(await t.receiver.getStats()).values()].find((s) => s.type === 'inbound-rtp')
    out[t.leaf] = { frames: s?.framesDecoded ?? 0, bytes: s?.bytesReceived ?? 0 }
  }
  return out
})

const nobody = { Seed: 1, Rate: 0 }
const bad = { Seed: 1, Loss: 0.05, Delay: 20, Jitter: 50, Rate: 500_000, Queue: 300 }

function say (what, h, l) {
  measured(`${what}: STOI ${h.STOI.toFixed(3)}; ${h.lost} of ${h.lost + h.packets} packets never came, ${(100 * h.concealed).toFixed(1)} % of samples concealed, ` +
    `jitter buffer ${(1000 * h.buffer).toFixed(0)} ms; down the line passed ${l.down.Passed}, lost ${l.down.Lost}, found it full ${l.down.Full}`)
}

before(async () => {
  if (skip) return
  server = await serve({ SUBROSA_CONFD_SERVE: 'internal' })
  browser = await launch()
  const { port } = await line(nobody)
  people = [await Person.come(browser, server, 0, { role: 'chair', scripts: [[behind, port]] }), await Person.come(browser, server, 1, { role: 'clerk', scripts: [[reads]] })]
  await people[0].join()
  await people[0].inCall(1)
  await enter(people[1])
  await people[1].on('microphone')
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
})

async function enter (p) {
  const n = await people[0].page.evaluate(() => window.conference.members.length)
  await p.join()
  await people[0].admit()
  await p.inCall(n + 1)
  await people[0].inCall(n + 1)
}

// listen judges the reader's voice under weather.
async function listen (what, weather) {
  await line(weather)
  const leaf = await people[1].leaf()
  await people[0].page.waitForFunction((leaf) => (window.conference.tracks.find((t) => t.leaf === leaf && t.source === 'microphone')?.ok ?? 0) > 50, leaf)
  const h = await hears(people[0], leaf)
  say(what, h, await line(nobody))
  return h
}

// understood listens until it is, three times at most: a machine that is busy with other things starves a jitter buffer as no line does.
async function understood (what, weather) {
  for (let i = 0; ; i++) {
    const h = await listen(what, weather)
    if (h.STOI >= 0.75) return h
    assert.ok(i < 2, `STOI ${h.STOI}`)
  }
}

function step (name, run, skipped = skip) {
  test(name, { skip: skipped, timeout: 240_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const p of people ?? []) err.message += `\n${p.name}: ${p.faults.join(' | ')}`
      err.message += `\n${await (await fetch(`${server.url}/test/figures`)).text()}\n${server.output.slice(-1500)}`
      throw err
    }
  })
}

step('a good line: the control', async () => {
  const h = await listen('no loss', nobody)
  assert.ok(h.STOI > 0.9 && h.concealed < 0.2, `STOI ${h.STOI}, ${h.concealed} concealed; ${h.packets} packets of ${50 * SECONDS}: fewer say that this machine had no time for the reader, and the rows below mean nothing`)
})

step('5 % lost at random, 50 ms of jitter, 500 kbit/s', async () => {
  const h = await understood('5 % at random, jitter 50 ms, 500 kbit/s', bad)
  assert.ok(h.lost < h.packets / 50, 'lost packets of speech are sent again')
})

step('5 % lost in bursts of three', async () => {
  await understood('5 % in bursts of 3, jitter 50 ms, 500 kbit/s', { ...bad, Burst: 3 })
}, skip || long)

step('15 % lost: reported', async () => {
  await listen('15 % at random, jitter 50 ms, 500 kbit/s', { ...bad, Loss: 0.15 })
  await listen('15 % in bursts of 3, jitter 50 ms, 500 kbit/s', { ...bad, Loss: 0.15, Burst: 3 })
}, skip || long)

step('four send pictures beside, more than the line can take', async () => {
  for (let i = 2; i < 6; i++) {
    people.push(await Person.come(browser, server, i, { scripts: [[moves, i]] }))
    await enter(people[i])
    await people[i].on('camera')
  }
  await listen('with four pictures, no loss', nobody)
  const before = await pictures(people[0])
  await listen('with four pictures, at once after the line became narrow', bad)
  const h = await understood('with four pictures, later', bad)
  const after = await pictures(people[0])
  const shown = Object.keys(after).map((leaf) => `${after[leaf].frames - (before[leaf]?.frames ?? 0)} frames ${Math.round((after[leaf].bytes - (before[leaf]?.bytes ?? 0)) / 1000)} kB`)
  measured(`pictures decoded meanwhile: ${shown.join(', ')}`)
  assert.ok(h.lost < h.packets / 20, 'speech goes before pictures')
}, skip || long)

step('nearly all lost: the judge notices', async () => {
  const h = await listen('70 % at random', { ...nobody, Loss: 0.7 })
  assert.ok(h.STOI < 0.75, `STOI ${h.STOI}`)
}, skip || long)
