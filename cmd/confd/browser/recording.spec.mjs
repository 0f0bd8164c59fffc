// A recording in a public room on the real confd: only while everybody has agreed, seen by all, over at one no, held up by who
// comes, ended by a stricter session; the file is judged by what is in it (ffmpeg).
//
//	SUBROSA_SHOTS  folder for screenshots
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Person, absent, launch, measured, shots, tmp, until } from '../../../firmware/conference/browser/people.mjs'
import { serve } from './confd.mjs'

const skip = absent()
let server, browser
const people = []

before(async () => {
  if (skip) return
  server = await serve({ SUBROSA_CONFD_SERVE: 'public' })
  browser = await launch()
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
  if (!skip) console.log(`screenshots: ${shots}`)
})

// enter brings one more into the call, let in by the chair where the room asks for that.
async function enter (i, role) {
  const p = await Person.come(browser, server, i, { role })
  people.push(p)
  await p.join()
  await until(`${p.name} is in`, async () => {
    const knock = people[0].page.locator('.knocks button.main').first()
    if (p !== people[0] && await knock.isVisible()) await knock.click().catch(() => {})
    return await p.page.evaluate((n) => window.conference?.phase === 'in' && window.conference.members.length === n, people.length)
  })
  for (const q of people) await q.inCall(people.length)
  return p
}

function step (name, run) {
  test(name, { skip, timeout: 120_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const p of people) { await p.shoot(`recording-failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.join(' | ')} ${await phase(p).catch(() => '')}` }
      err.message += `\n${server.output.slice(-1500)}`
      throw err
    }
  })
}

const phase = (p) => p.page.evaluate(() => window.conference.consent.phase)
const all = (what, phases) => until(what, async () => { const now = await Promise.all(people.map(phase)); return now.every((x) => x === phases) })
const press = (p, what) => p.page.click(`[data-do="record-${what}"]`)
const red = (p) => p.page.locator('.record[data-on] .running').isVisible()

const recorded = (p, parts) => until(`${parts} parts are recorded`, () => p.page.evaluate((n) => Number(document.querySelector('.record').dataset.parts) >= n, parts), 60_000)

async function ask (p) {
  await p.toggle('people')
  await press(p, 'ask')
  await p.toggle('people')
  await all('everybody is asked', 'asked')
}

// save has the asker's browser save the newest file.
async function save (p, name) {
  const [download] = await Promise.all([p.page.waitForEvent('download'), p.page.locator('[data-do="record-save"]').last().click()])
  const file = path.join(tmp, name)
  await download.saveAs(file)
  return file
}

const ff = (...args) => execFileSync('ffmpeg', ['-loglevel', 'fatal', ...args], { maxBuffer: 1 << 28, timeout: 60_000 })

// level of a tone in a file, in dB against the whole.
function tone (file, hz) {
  const pcm = ff('-i', file, '-vn', '-ac', '1', '-ar', '16000', '-f', 'f32le', '-')
  const x = new Float32Array(pcm.buffer, pcm.byteOffset, pcm.length >> 2)
  let re = 0
  let im = 0
  let power = 0
  const n = 3200 // 0.2 s: the best of all windows
  let best = -Infinity
  for (let from = 0; from + n <= x.length; from += n) {
    re = im = power = 0
    for (let i = 0; i < n; i++) { const w = 2 * Math.PI * hz * i / 16000; re += x[from + i] * Math.cos(w); im += x[from + i] * Math.sin(w); power += x[from + i] ** 2 }
    if (power > 1e-4 * n / 100) best = Math.max(best, 10 * Math.log10(2 * (re * re + im * im) / (n * power) + 1e-12))
  }
  return best
}

// hue of a colour, 0 to 360; undefined of what has hardly any. A recording keeps that, not each value.
function hue ([r, g, b]) {
  const [max, min] = [Math.max(r, g, b), Math.min(r, g, b)]
  if (max < 60 || max - min < 0.4 * max) return undefined
  const h = max === r ? (g - b) / (max - min) : max === g ? 2 + (b - r) / (max - min) : 4 + (r - g) / (max - min)
  return (h * 60 + 360) % 360
}
const alike = (a, b) => a !== undefined && b !== undefined && Math.abs((a - b + 540) % 360 - 180) < 18

// has says in how many of a file's pictures each colour fills at least a twentieth.
function has (file, colours) {
  const rgb = ff('-i', file, '-an', '-vf', 'fps=5,scale=64:36', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-')
  const frames = Math.floor(rgb.length / (64 * 36 * 3))
  const counts = colours.map(() => 0)
  for (let f = 0; f < frames; f++) {
    colours.forEach((c, k) => {
      let n = 0
      for (let i = f * 64 * 36 * 3; i < (f + 1) * 64 * 36 * 3; i += 3) if (alike(hue([rgb[i], rgb[i + 1], rgb[i + 2]]), hue(c))) n++
      if (n > 64 * 36 / 20) counts[k]++
    })
  }
  return { frames, counts }
}

step('three are in a public room; nothing is recorded and nobody is asked', async () => {
  for (const [i, role] of ['chair', 'clerk', 'councillor'].entries()) await enter(i, role)
  for (const p of people) { await p.on('camera'); await p.on('microphone') }
  await all('no recording', 'none')
})

step('one no is enough', async () => {
  const [chair, clerk, member] = people
  await ask(chair)
  await member.shoot('recording-asked')
  await press(clerk, 'yes')
  await until('the chair hears it', () => chair.page.evaluate(() => window.conference.consent.agreed === 2))
  assert.equal(await phase(chair), 'asked', 'silence is no consent')
  await press(member, 'no')
  await all('it is over', 'none')
  assert.equal(await chair.page.locator('[data-do="record-save"]').count(), 0, 'there is no file')
})

step('with the yes of all it runs, and all see it', async () => {
  const [chair, clerk, member] = people
  await ask(chair)
  await press(clerk, 'yes')
  await press(member, 'yes')
  await all('it runs', 'on')
  for (const p of people) await until(`${p.name} sees the sign`, () => red(p))
  await member.shoot('recording-on')
  await recorded(chair, 4)
})

step('a newcomer holds it up until they have agreed', async () => {
  const late = await enter(3, 'councillor')
  await until('it waits', async () => (await Promise.all(people.slice(0, 3).map(phase))).every((x) => x === 'paused'))
  assert.equal(await red(people[0]), false)
  await until('the newcomer is asked', () => late.page.locator('[data-do="record-yes"]').isVisible())
  await late.shoot('recording-newcomer')
  await press(late, 'yes')
  await all('it goes on', 'on')
  for (const p of people) await until(`${p.name} sees the sign`, () => red(p))
})

step('who takes their consent back ends it at once; the file holds what was agreed to', async () => {
  const [chair, clerk, member] = people
  const at = Date.now()
  await press(member, 'no')
  await all('it is over', 'none')
  measured(`recording: over on all four pages ${Date.now() - at} ms after a consent was taken back`)
  await chair.page.locator('[data-do="record-save"]').waitFor()
  await chair.shoot('recording-file')
  const file = await save(chair, 'recording.webm')
  const { frames, counts } = has(file, people.map((p) => p.colour))
  const tones = people.slice(0, 3).map((p) => tone(file, p.hz))
  measured(`recording: ${frames} pictures at 5 a second; with the colour of chair, clerk, member in ${counts.slice(0, 3)}; their tones ${tones.map((x) => x.toFixed(1))} dB, 1300 Hz ${tone(file, 1300).toFixed(1)} dB of the whole`)
  assert.ok(frames >= 10 && counts.slice(0, 3).every((n) => n >= frames / 2), `${frames}: ${counts}`)
  for (const x of tones) assert.ok(x > -14 && x > tone(file, 1300) + 6)
  assert.equal(counts[3], 0, 'the newcomer\'s camera was off')
  for (const p of [chair, clerk]) assert.equal(await red(p), false)
})

step('a stricter session ends it, the file stays, and nobody can ask again', async () => {
  const [chair, clerk] = people
  await ask(clerk)
  for (const p of people) if (p !== clerk) await press(p, 'yes')
  await all('it runs', 'on')
  await recorded(clerk, 3)
  await fetch(`${server.url}/test/level?level=nonpublic`, { method: 'POST' })
  await all('it is over', 'none')
  await clerk.page.locator('[data-do="record-save"]').waitFor()
  const { frames, counts } = has(await save(clerk, 'before.webm'), [clerk.colour])
  assert.ok(counts[0] >= 1, `of ${frames} pictures ${counts[0]} have the clerk`)
  await chair.page.locator('.raise [data-raise]').waitFor() // the chair is asked at once, not only in a list
  for (const p of people) assert.equal(await p.page.locator('.raise').isVisible(), p === chair)
  await chair.toggle('people')
  assert.equal(await chair.page.locator('[data-do="record-ask"]').count(), 0, 'no button')
  await chair.page.evaluate(() => window.conference.say({ t: 'record', id: '0123456789abcdef', what: 'ask' })) // a page that would ask all the same
  await chair.page.evaluate(() => window.conference.say({ t: 'chat', text: 'danach', at: Date.now() }))
  await until('what came after it is there', () => clerk.page.evaluate(() => window.conference.chat.some((m) => m.text === 'danach')))
  await all('no page heeds it', 'none')
  for (const p of people) assert.deepEqual(p.faults.filter((f) => !/WebSocket|the server says/.test(f)), [])
})
