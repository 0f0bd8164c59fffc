// The conference's page in Debian's Chromium on the real confd: three people come together, see and hear each other by content;
// one is removed from the roster. The hostile server is in firmware/conference/browser.
//
//	SUBROSA_SHOTS  folder for screenshots
//	CHROMIUM       default /usr/bin/chromium
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { absent, gather, launch, measured, meets, shots, tmp, until } from '../../../firmware/conference/browser/people.mjs'
import { serve } from './confd.mjs'

const skip = absent()
let server, browser, people

before(async () => {
  if (skip) return
  server = await serve({ SUBROSA_CONFD_SERVE: 'internal', SUBROSA_CONFD_SEALED: '1' })
  browser = await launch()
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
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

// Whoever pauses lets Chromium send packets that hold nothing: they are nobody's fault.
step('voices alone, with pauses, are heard, and no frame of them is refused', async () => {
  for (const p of people) await p.on('microphone')
  const all = async () => (await Promise.all(people.flatMap((p) => people.filter((q) => q !== p).map(async (q) => await p.counts(await q.leaf(), 'microphone')))))
  for (const gain of [0, 0.3, 0, 0.3]) {
    for (const p of people) await p.page.evaluate((gain) => { window.voice.gain.value = gain }, gain)
    await new Promise((resolve) => setTimeout(resolve, 1500))
  }
  const before = await all()
  await until('some seconds of each voice', async () => (await all()).every((c, i) => c?.ok > (before[i]?.ok ?? 0) + 100))
  assert.deepEqual((await all()).map((c) => c.refused), [0, 0, 0, 0, 0, 0])
  for (const p of people) assert.deepEqual((await p.notes()).filter((n) => /Ungültige/.test(n)), [])
})

step('each sees and hears each', async () => {
  const at = Date.now()
  for (const p of people) await p.on('camera')
  for (const p of people) for (const q of people) if (p !== q) await meets(p, q)
  measured(`confd: all six ways of three people judged by content ${Date.now() - at} ms after the first camera was turned on (voices were on)`)
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
