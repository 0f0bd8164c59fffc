// The conference's page in Debian's Chromium on the real confd: three people come together, see and hear each other by content;
// one is removed from the roster. The hostile server is in firmware/conference/browser.
//
//	SUBROSA_SHOTS  folder for screenshots
//	CHROMIUM       default /usr/bin/chromium
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { absent, gather, launch, measured, meets, shots, tmp, until } from '../../../firmware/conference/browser/people.mjs'

const skip = absent()
const folder = fileURLToPath(new URL('..', import.meta.url))
const server = { output: '' }
let child, browser, people

before(async () => {
  if (skip) return
  const program = path.join(tmp, 'confd.test')
  execFileSync('go', ['test', '-c', '-o', program, '.'], { cwd: folder, stdio: 'inherit' })
  child = spawn(program, ['-test.run', '^TestServe$', '-test.timeout', '10m'], { cwd: folder, env: { ...process.env, SUBROSA_CONFD_SERVE: 'internal' }, stdio: ['pipe', 'pipe', 'pipe'] })
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

function step (name, run) {
  test(name, { skip, timeout: 120_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const p of people ?? []) { await p.shoot(`confd-failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.join(' | ')}` }
      err.message += `\n${await (await fetch(`${server.url}/test/figures`)).text()}`
      err.message += `\n${server.output.slice(-2500)}`
      throw err
    }
  })
}

step('three come together and agree on one code', async () => {
  people = await gather(browser, server, 3)
  await until('one code', async () => new Set(await Promise.all(people.map((p) => p.code()))).size === 1)
})

step('each sees and hears each', async () => {
  const at = Date.now()
  for (const p of people) { await p.on('camera'); await p.on('microphone') }
  for (const p of people) for (const q of people) if (p !== q) await meets(p, q)
  measured(`confd: all six ways of three people judged by content ${Date.now() - at} ms after the first camera was turned on`)
  const leaf = await people[1].leaf()
  const a = await people[0].sees(leaf)
  await new Promise((resolve) => setTimeout(resolve, 3000))
  const b = await people[0].sees(leaf)
  measured(`confd: ${((b.frames - a.frames) / 3).toFixed(1)} pictures a second at ${b.size.join('×')} (10 are drawn)`)
  assert.ok((b.frames - a.frames) / 3 >= 5)
  await people[0].shoot('confd-call')
})

step('a camera that goes off and on again is seen again', async () => {
  await people[1].toggle('camera')
  await until('it is off', async () => (await people[0].sees(await people[1].leaf())) === undefined)
  await people[1].on('camera')
  await meets(people[0], people[1])
})

step('who leaves the roster is out of the call, and the others go on', async () => {
  const leaf = await people[2].leaf()
  const r = await fetch(`${server.url}/test/remove?member=m-2`, { method: 'POST' })
  measured(`confd: the roster's change returned after ${(await r.text()).trim()}`)
  await people[2].page.waitForFunction(() => window.conference.phase === 'over')
  for (const p of people.slice(0, 2)) await p.inCall(2)
  assert.equal(await people[0].sees(leaf), undefined)
  await meets(people[0], people[1])
  await meets(people[1], people[0])
  await people[2].shoot('confd-removed')
  for (const p of people) assert.deepEqual(p.faults.filter((f) => !/WebSocket/.test(f)), [])
})
