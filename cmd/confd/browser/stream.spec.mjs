// Public streams on the real confd: a Chromium sends the hall in by WHIP, another plays it by WHEP, judged by content; the chair
// opens it on the page, everybody sees the gateway, and it ends with the level.
//
//	SUBROSA_SHOTS  folder for screenshots
//	CHROMIUM       default /usr/bin/chromium
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { absent, launch, measured, near, Person, shots, tmp, until } from '../../../firmware/conference/browser/people.mjs'

const skip = absent()
const folder = fileURLToPath(new URL('..', import.meta.url))
const server = { output: '' }
const hall = { colour: [40, 150, 60], hz: 1300 }
let child, browser, people, mixer, player

before(async () => {
  if (skip) return
  const program = path.join(tmp, 'confd.test')
  execFileSync('go', ['test', '-c', '-o', program, '.'], { cwd: folder, stdio: 'inherit' })
  child = spawn(program, ['-test.run', '^TestServe$', '-test.timeout', '10m'], { cwd: folder, env: { ...process.env, SUBROSA_CONFD_SERVE: 'public' }, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stderr.on('data', (b) => { server.output += b })
  server.url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (b) => { server.output += b; const m = /serving (http:\S+)/.exec(server.output); if (m) resolve(m[1]) })
    child.once('exit', () => reject(new Error(`the server ended: ${server.output}`)))
  })
  browser = await launch()
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  if (child) {
    child.stdin.end('\n')
    await new Promise((resolve) => { child.once('exit', resolve); setTimeout(() => child.kill('SIGKILL'), 10_000).unref() })
  }
  if (!skip) console.log(`screenshots: ${shots}`)
})

const post = async (where) => await (await fetch(`${server.url}${where}`, { method: 'POST' })).text()

// device opens an empty page of the server, for a mixer or a player.
async function device () {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${server.url}/test/empty`)
  return page
}

// connect runs in the page: offers at an address, with the hall's picture and sound or to receive.
async function connect ({ url, token, hall }) {
  const pc = window.pc = new RTCPeerConnection()
  if (hall) {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 })
    const g = canvas.getContext('2d')
    let n = 0
    setInterval(() => {
      g.fillStyle = `rgb(${hall.colour})`
      g.fillRect(0, 0, 320, 180)
      g.fillStyle = '#fff'
      g.fillRect((n++ * 8) % 320, 130, 40, 50)
    }, 66)
    const ctx = new AudioContext({ sampleRate: 48000 })
    const o = new OscillatorNode(ctx, { frequency: hall.hz })
    const to = ctx.createMediaStreamDestination()
    o.connect(new GainNode(ctx, { gain: 0.3 })).connect(to)
    o.start()
    for (const t of [...canvas.captureStream(15).getTracks(), ...to.stream.getTracks()]) pc.addTransceiver(t, { direction: 'sendonly' })
  } else {
    window.stream = new MediaStream()
    pc.ontrack = (e) => window.stream.addTrack(e.track)
    for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' })
  }
  await pc.setLocalDescription()
  await new Promise((resolve) => { pc.onicegatheringstatechange = () => { if (pc.iceGatheringState === 'complete') resolve() }; setTimeout(resolve, 2000) })
  const r = await fetch(url, { method: 'POST', body: pc.localDescription.sdp, headers: { 'Content-Type': 'application/sdp', Authorization: `Bearer ${token}` } })
  const text = await r.text()
  if (r.status !== 201) return { status: r.status, text }
  window.where = r.headers.get('Location')
  await pc.setRemoteDescription({ type: 'answer', sdp: text })
  if (!hall) {
    const v = window.video = Object.assign(document.createElement('video'), { muted: true, autoplay: true, srcObject: window.stream, width: 640 })
    document.body.append(v)
    window.listening = new AudioContext({ sampleRate: 48000 })
    window.analyser = new AnalyserNode(window.listening, { fftSize: 8192, smoothingTimeConstant: 0 })
    window.listening.createMediaStreamSource(new MediaStream(window.stream.getAudioTracks())).connect(window.analyser)
  }
  return { status: r.status, where: window.where, etag: r.headers.get('ETag'), link: r.headers.get('Link') }
}

// picture runs in the player's page: the colour of the upper half, where the white bar is, and the strongest tone.
function picture () {
  const v = window.video
  if (!v || v.videoWidth === 0) return { frames: 0 }
  const c = Object.assign(document.createElement('canvas'), { width: 64, height: 36 })
  const g = c.getContext('2d', { willReadFrequently: true })
  g.drawImage(v, 0, 0, 64, 36)
  const d = g.getImageData(0, 0, 64, 18).data
  const sum = [0, 0, 0]
  for (let i = 0; i < d.length; i += 4) for (let k = 0; k < 3; k++) sum[k] += d[i + k]
  const row = g.getImageData(0, 32, 64, 1).data
  let bar = -1
  for (let x = 0; x < 64; x++) if (row[4 * x] > 200 && row[4 * x + 2] > 200) { bar = x; break }
  const bins = new Float32Array(window.analyser.frequencyBinCount)
  window.analyser.getFloatFrequencyData(bins)
  let best = 10
  for (let i = 10; i < bins.length; i++) if (bins[i] > bins[best]) best = i
  return { colour: sum.map((x) => Math.round(x / (d.length / 4))), bar, hz: best * 48000 / 8192, db: bins[best], frames: v.getVideoPlaybackQuality().totalVideoFrames }
}

function step (name, run) {
  test(name, { skip, timeout: 60_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const p of people ?? []) { await p.shoot(`stream-failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.join(' | ')}` }
      err.message += `\n${server.output.slice(-2500)}`
      throw err
    }
  })
}

step('nothing is streamed before the chair opens it', async () => {
  people = [await Person.come(browser, server, 0, { role: 'chair' }), await Person.come(browser, server, 1, { role: 'clerk' })]
  for (const [i, p] of people.entries()) {
    await p.join()
    await people[0].inCall(i + 1) // at level public nobody is let in by hand
  }
  await people[1].inCall(2)
  mixer = await device()
  server.in = await post('/test/token?use=publish')
  server.play = await post('/test/token?use=play')
  const r = await mixer.evaluate(connect, { url: '/whip/ratssaal', token: server.in, hall })
  assert.equal(r.status, 409)
  assert.match(r.text, /Sitzungsleitung/)
})

step('the chair opens it, and a player sees and hears the hall', async () => {
  const [chair, clerk] = people
  await chair.toggle('people')
  await clerk.toggle('people')
  assert.equal(await clerk.page.locator('[data-do=stream]').count(), 0)
  await chair.page.click('[data-do=stream]')
  for (const p of people) await p.page.waitForFunction(() => window.conference.state.stream !== undefined)
  const at = Date.now()
  const sent = await mixer.evaluate(connect, { url: '/whip/ratssaal', token: server.in, hall })
  assert.equal(sent.status, 201, sent.text)
  assert.match(sent.where, /^\/whip\/ratssaal\/.{32}$/)
  assert.match(sent.link, /rel="ice-server"/)
  player = await device()
  await until('WHEP is answered', async () => {
    const r = await player.evaluate(connect, { url: '/whep/ratssaal', token: server.play })
    assert.ok(r.status === 201 || r.status === 409, JSON.stringify(r))
    return r.status === 201
  })
  await until('the hall\'s picture', async () => near((await player.evaluate(picture)).colour, hall.colour, 30))
  await until('the hall\'s tone', async () => { const p = await player.evaluate(picture); return Math.abs(p.hz - hall.hz) < 12 && p.db > -60 })
  const bars = new Set()
  await until('the bar moves', async () => { bars.add((await player.evaluate(picture)).bar); return bars.size > 4 })
  measured(`WHIP to WHEP in Chromium: judged by content ${Date.now() - at} ms after the mixer's offer`)
})

step('everybody sees the gateway, and nobody\'s device opens plain frames of it', async () => {
  for (const p of people) {
    await p.page.locator('[data-gateway]').waitFor()
    assert.match(await p.page.locator('[data-gateway]').innerText(), /Übergang/)
    assert.match(await p.page.locator('.sealed').innerText(), /öffentlich/)
    assert.equal(await p.page.evaluate(() => window.conference.tracks.length), 0)
    await p.shoot(`stream-${p.role}`)
  }
  assert.equal(await people[0].page.evaluate(() => window.conference.state.stream.out), 1)
  await player.screenshot({ path: path.join(shots, 'stream-player.png') })
})

step('people\'s own pictures stay sealed and never reach the player', async () => {
  await people[0].on('camera')
  await until('the clerk sees the chair', async () => near((await people[1].sees(await people[0].leaf()))?.colour, people[0].colour))
  const drops = await (await fetch(`${server.url}/test/figures`)).json()
  assert.deepEqual(drops.dropped, {})
  assert.ok(near((await player.evaluate(picture)).colour, hall.colour, 30))
})

step('when the session is not public any more, both end at once', async () => {
  await post('/test/level?level=nonpublic')
  for (const p of people) await p.page.waitForFunction(() => window.conference.state.stream === undefined)
  const a = await player.evaluate(picture)
  await until('the mixer and the player are told', async () => await mixer.evaluate(() => window.pc.connectionState !== 'connected') && await player.evaluate(() => window.pc.connectionState !== 'connected'))
  const b = await player.evaluate(picture)
  assert.ok(b.frames - a.frames <= 3, `${b.frames - a.frames} pictures after the state had come`) // those in the player's own buffer
  assert.equal(await people[0].page.locator('[data-gateway]').count(), 0)
  const again = await (await device()).evaluate(connect, { url: '/whep/ratssaal', token: server.play })
  assert.equal(again.status, 403)
  for (const p of people) assert.deepEqual(p.faults.filter((f) => !/WebSocket/.test(f)), [])
})
