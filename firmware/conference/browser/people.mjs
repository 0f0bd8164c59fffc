// People of a call in real browsers. Camera and microphone are synthetic, so that content can be judged: each has a colour of
// its own with a moving bar, 320×180 at 10 pictures a second, and a tone of its own.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'
export const root = fileURLToPath(new URL('../../..', import.meta.url))
export const tmp = mkdtempSync(path.join(tmpdir(), 'subrosa-call-'))
export const shots = process.env.SUBROSA_SHOTS ?? path.join(tmp, 'shots')
mkdirSync(shots, { recursive: true })

// long says whether a test of more than some seconds is to be skipped.
export const long = process.env.SUBROSA_NIGHTLY ? false : 'long: make nightly'
export const measured = (text) => console.log(`measured: ${text}`)

// absent returns why these tests cannot run here, or false; with SUBROSA_MUST=1 that is an error.
export function absent () {
  const why = existsSync(chromiumPath) ? false : `${chromiumPath}: not there; "make setup" installs Chromium`
  if (why && process.env.SUBROSA_MUST === '1') throw new Error(why)
  return why
}

// Server runs the test's server, built from this folder.
export class Server {
  static async start (...args) {
    const s = new Server()
    s.args = args
    s.bin = path.join(tmp, 'testserver')
    if (!existsSync(s.bin)) execFileSync('go', ['build', '-o', s.bin, './firmware/conference/browser/testserver'], { cwd: root, stdio: 'inherit' })
    await s.run()
    return s
  }

  async run (port = 0) {
    this.child = spawn(this.bin, [...this.args, '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.output = ''
    this.child.stderr.on('data', (b) => { this.output += b })
    this.url = await new Promise((resolve, reject) => {
      this.child.stdout.on('data', (b) => { this.output += b; const m = /testserver: (http:\S+)/.exec(this.output); if (m) resolve(m[1]) })
      this.child.once('exit', () => reject(new Error(`the server ended: ${this.output}`)))
    })
  }

  async restart () {
    const { port } = new URL(this.url)
    await this.stop()
    await this.run(port)
  }

  async stop () {
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }

  async evil (what) {
    const r = await fetch(`${this.url}/test/evil`, { method: 'POST', body: JSON.stringify(what) })
    if (!r.ok) throw new Error(await r.text())
  }

  async figures () { return await (await fetch(`${this.url}/test/figures`)).json() }
}

export const launch = (...more) => chromium.launch({
  executablePath: chromiumPath,
  args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required', '--disable-renderer-backgrounding',
    '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-features=WebRtcHideLocalIpsWithMdns',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...more]
})

export const colours = [[200, 40, 40], [40, 60, 200], [210, 190, 40], [40, 170, 190], [190, 60, 190], [120, 120, 120]]
export const tones = [500, 800, 1100, 1500, 1900, 2300]

// devices replaces the devices of a page; it runs in the page. With a real microphone (Firefox's own fake one) that stays.
export function devices ({ colour, hz }, real) {
  if (navigator.mediaDevices === undefined) return
  navigator.mediaDevices.getUserMedia = async (want) => {
    if (want.video) {
      const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 })
      const g = canvas.getContext('2d')
      let n = 0
      const draw = () => {
        g.fillStyle = `rgb(${colour})`
        g.fillRect(0, 0, 320, 180)
        g.fillStyle = '#fff'
        g.fillRect((n++ * 8) % 320, 160, 24, 20)
      }
      draw()
      const timer = setInterval(draw, 100)
      const stream = canvas.captureStream(10)
      const [track] = stream.getTracks()
      const stop = track.stop.bind(track)
      track.stop = () => { clearInterval(timer); stop() }
      return stream
    }
    if (real !== undefined) return await real(want)
    const ctx = new AudioContext({ sampleRate: 48000 })
    const o = ctx.createOscillator()
    o.frequency.value = hz
    const gain = ctx.createGain()
    gain.gain.value = 0.3
    window.voice = gain
    const to = ctx.createMediaStreamDestination()
    o.connect(gain).connect(to)
    o.start()
    return to.stream
  }
}

// Person is a page in a browser context of its own.
export class Person {
  // come opens the page as a member; with hall, options of the context with the unit's certificate, as the hall's own screen.
  static async come (browser, server, i, { role = 'councillor', name = `Person ${i}`, mode, other, viewport = { width: 900, height: 640 }, lang = 'de', alone = true, scripts = [], own = true, prepare, proxy, hall } = {}) {
    const p = new Person()
    Object.assign(p, { i, role, name, member: `m-${i}`, colour: colours[i % 6], hz: tones[i % 6], server, faults: [] })
    p.context = await browser.newContext({ locale: lang === 'de' ? 'de-DE' : 'en-GB', viewport, ...(proxy && { proxy }), ...hall })
    await prepare?.(p.context)
    p.page = await p.context.newPage()
    p.page.setDefaultTimeout(long ? 20_000 : 60_000)
    p.page.on('pageerror', (err) => p.faults.push(`script: ${err.message}`))
    p.page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) p.faults.push(`${m.type()}: ${m.text()}`) })
    p.page.on('request', (r) => { const u = new URL(r.url()); if (u.origin !== server.url && !['data:', 'blob:'].includes(u.protocol)) p.faults.push(`request to ${u.origin}`) })
    if (own) await p.page.addInitScript(devices, { colour: p.colour, hz: p.hz }) // else the browser's own, as launched
    for (const [run, argument] of scripts) await p.page.addInitScript(run, argument)
    p.requests = []
    p.page.on('request', (r) => p.requests.push(new URL(r.url()).pathname))
    p.context.on('serviceworker', () => p.faults.push('a service worker'))
    await p.page.addInitScript(() => {
      window.leads = [] // every line that has stood in place of the call, also for a moment
      const look = () => { for (const e of document.querySelectorAll('.lead')) if (window.leads.at(-1) !== e.textContent) window.leads.push(e.textContent) }
      new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true })
    })
    const q = new URLSearchParams({ member: p.member, role, lang, ...(mode && { mode }), ...(other && { other: '1' }) })
    if (hall) { await p.page.goto(`${server.url}/room/ratssaal`); return p } // by its certificate: no sign-in, no form
    await p.page.goto(`${server.enter ? await server.enter(p.context, p.member) : `${server.url}/test/login`}?${q}`)
    await p.page.fill('#name', name)
    if (alone && await p.page.locator('input[name=alone]').count() > 0) await p.page.check('input[name=alone]') // where the level asks for it
    return p
  }

  async join () { await this.page.click('button.main') }

  // inCall waits until the call has this many members.
  async inCall (n, ms = 30_000) { await this.page.waitForFunction((n) => window.conference?.phase === 'in' && window.conference.members.length === n, n, { timeout: ms }) }

  async admit () { await this.page.locator('.knocks button.main').first().click() }

  async toggle (tool) { await this.page.click(`[data-tool=${tool}]`) }

  async on (tool) {
    await this.toggle(tool)
    await this.page.waitForFunction((k) => window.conference.self[k], tool === 'microphone' ? 'mic' : tool === 'camera' ? 'cam' : 'screen', { timeout: 25_000 })
  }

  async off (tool) {
    await this.toggle(tool)
    await this.page.waitForFunction((k) => !window.conference.self[k], tool === 'microphone' ? 'mic' : tool === 'camera' ? 'cam' : 'screen')
  }

  code () { return this.page.evaluate(() => window.conference.code) }

  leaf () { return this.page.evaluate(() => window.conference.leaf) }

  // sees returns the mean colour of the upper half of somebody's picture, and whether the picture moves.
  async sees (leaf, source = 'camera') {
    return await this.page.evaluate(async ([leaf, source]) => {
      const tile = document.querySelector(`.tile[data-leaf="${leaf}"][data-source="${source}"]`)
      const v = tile?.querySelector('video')
      if (!v || tile.dataset.mode !== 'live' || v.videoWidth === 0 || v.srcObject === null) return undefined
      const c = Object.assign(document.createElement('canvas'), { width: 32, height: 18 })
      const g = c.getContext('2d', { willReadFrequently: true })
      g.drawImage(v, 0, 0, 32, 18)
      const d = g.getImageData(0, 0, 32, 9).data
      const sum = [0, 0, 0]
      for (let i = 0; i < d.length; i += 4) for (let k = 0; k < 3; k++) sum[k] += d[i + k]
      return { colour: sum.map((x) => Math.round(x / (d.length / 4))), size: [v.videoWidth, v.videoHeight], frames: v.getVideoPlaybackQuality().totalVideoFrames }
    }, [leaf, source])
  }

  // hears returns the strongest frequency of somebody's voice, and its level over the rest in dB.
  async hears (leaf) {
    return await this.page.evaluate(async (leaf) => {
      const track = window.conference.tracks.find((t) => t.leaf === leaf && t.source === 'microphone')
      if (!track) return undefined
      const ctx = window.listening ??= new AudioContext({ sampleRate: 48000 })
      await ctx.resume()
      const a = ctx.createAnalyser()
      a.fftSize = 8192
      a.smoothingTimeConstant = 0
      const node = ctx.createMediaStreamSource(new MediaStream([track.receiver.track]))
      node.connect(a)
      await new Promise((resolve) => setTimeout(resolve, 500))
      const bins = new Float32Array(a.frequencyBinCount)
      a.getFloatFrequencyData(bins)
      node.disconnect()
      await ctx.suspend() // six of them would take a good part of this machine
      let best = 0
      for (let i = 10; i < bins.length; i++) if (bins[i] > bins[best]) best = i
      const sorted = [...bins].sort((x, y) => x - y)
      return { hz: best * 48000 / a.fftSize, over: bins[best] - sorted[sorted.length >> 1] }
    }, leaf)
  }

  // counts returns what has opened of somebody's track, and what was refused.
  counts (leaf, source = 'camera') {
    return this.page.evaluate(([leaf, source]) => {
      const t = window.conference.tracks.find((x) => x.leaf === leaf && x.source === source)
      return t && { ok: t.ok, refused: t.refused, fresh: t.fresh }
    }, [leaf, source])
  }

  // leads returns every line that has stood in place of the call.
  leads () { return this.page.evaluate(() => window.leads) }

  notes () { return this.page.locator('.notes p, .warnings p').allInnerTexts() }

  async shoot (name) { await this.page.screenshot({ path: path.join(shots, `${name}.png`) }) }

  async close () { await this.context.close() }
}

// until polls until check returns something true.
export async function until (what, check, ms = 25_000) {
  const end = Date.now() + ms
  let last
  for (;;) {
    last = await check()
    if (last) return last
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
}

export const near = (a, b, by = 45) => a !== undefined && a.every((x, i) => Math.abs(x - b[i]) <= by)

// meets waits until p sees and hears q, by content.
export async function meets (p, q) {
  const leaf = await q.leaf()
  await until(`${p.name} sees ${q.name}`, async () => near((await p.sees(leaf))?.colour, q.colour))
  await until(`${p.name} hears ${q.name}`, async () => { const h = await p.hears(leaf); return h && Math.abs(h.hz - q.hz) < 12 && h.over > 30 })
}

// gather brings people into one call, all admitted by the first, who is the chair.
export async function gather (browser, server, n, more = {}) {
  const people = []
  for (let i = 0; i < n; i++) people.push(await Person.come(browser, server, i, { role: i === 0 ? 'chair' : i === 1 ? 'clerk' : 'councillor', ...more }))
  await people[0].join()
  await people[0].inCall(1)
  for (let i = 1; i < n; i++) {
    await people[i].join()
    await people[0].admit()
    for (let k = 0; k <= i; k++) await people[k].inCall(i + 1)
  }
  return people
}

process.on('exit', () => { if (process.env.SUBROSA_SHOTS === undefined) { try { rmSync(path.join(tmp, 'testserver'), { force: true }) } catch {} } })
