// A call in real browsers, short: three people, judged by what they see and hear; a removal while the server goes on sending to
// who was removed; plaintext put in by the server. The rest is in hostile.spec.mjs and return.spec.mjs.
//
//	SUBROSA_SHOTS  folder for screenshots
//	CHROMIUM       default /usr/bin/chromium
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Server, absent, gather, launch, measured, meets, near, shots, until } from './people.mjs'

const skip = absent()
let server, browser, people

before(async () => {
  if (skip) return
  server = await Server.start()
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
      for (const p of people ?? []) { await p.shoot(`failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.join(' | ')} ${(await p.page.locator('body').innerText().catch(() => '')).slice(0, 300)}` }
      err.message += `\n${server.output.slice(-1500)}`
      throw err
    }
  })
}

step('three come together; camera and microphone are off', async () => {
  people = await gather(browser, server, 3)
  const codes = await Promise.all(people.map((p) => p.code()))
  assert.match(codes[0], /^(\d{5} ){5}\d{5}$/)
  await until('one code', async () => new Set(await Promise.all(people.map((p) => p.code()))).size === 1)
  for (const p of people) assert.deepEqual(await p.page.evaluate(() => [window.conference.self.mic, window.conference.self.cam]), [false, false])
})

step('each sees and hears each', async () => {
  const at = Date.now()
  for (const p of people) { await p.on('camera'); await p.on('microphone') }
  for (const p of people) for (const q of people) if (p !== q) await meets(p, q)
  measured(`all six ways of three people judged by content ${Date.now() - at} ms after the first camera was turned on`)
  const leaf = await people[1].leaf()
  // a busy machine may need several windows of three seconds
  const { fps, size } = await until('five pictures a second', async () => {
    const a = await people[0].sees(leaf)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    const b = await people[0].sees(leaf)
    return a && b && (b.frames - a.frames) / 3 >= 5 && { fps: (b.frames - a.frames) / 3, size: b.size }
  }, 40_000)
  measured(`pictures a second at ${size.join('×')}: ${fps.toFixed(1)} (10 are drawn)`)
  await people[0].shoot('call')
})

step('chat and names go end to end', async () => {
  await people[1].toggle('chat')
  await people[1].page.fill('input[name=message]', 'Guten Abend <b>zusammen</b>')
  await people[1].page.keyboard.press('Enter')
  await people[0].toggle('chat')
  await people[0].page.locator('.log').getByText('Guten Abend <b>zusammen</b>').waitFor()
  await people[0].page.locator('.log').getByText('Person 1 · Geschäftsstelle').waitFor()
  await people[0].shoot('chat')
  await people[0].toggle('chat')
})

step('plaintext that the server puts in is seen by nobody, and said', async () => {
  const [a, b] = people
  const leaf = await b.leaf()
  const before = await a.counts(leaf)
  await server.evil({ Plain: b.member })
  await until('refused frames', async () => (await a.counts(leaf)).refused > before.refused + 10)
  await until('it is said', async () => (await a.notes()).some((n) => /unverschlüsselt/.test(n)))
  await until('the picture is blanked', async () => (await a.sees(leaf)) === undefined)
  await a.shoot('plaintext')
  assert.ok((await server.figures()).injected > 10)
  await server.evil({})
  await until('the picture is back', async () => near((await a.sees(leaf))?.colour, b.colour))
})

step('a warning stays while news goes, until it is put away', async () => {
  const { page } = people[0]
  const warning = page.locator('.warnings [data-what=frames]')
  assert.equal(await warning.count(), 1, 'one line for what is the same')
  await page.evaluate(() => { for (let n = 0; n < 8; n++) window.conference.on.note({ what: 'joined', who: `Person ${n}` }) })
  await page.locator('.notes [data-what=joined]').first().waitFor()
  await until('news has gone', async () => await page.locator('.notes p').count() === 0)
  await warning.getByText('unverschlüsselt').waitFor()
  await page.focus('.warnings [data-what=frames] button')
  await page.keyboard.press('Enter')
  assert.equal(await warning.count(), 0)
})

step('who is removed reads nothing more, though the server goes on sending', async () => {
  const [a, b, gone] = people
  const leaf = await gone.leaf()
  const code = await a.code()
  await server.evil({ Keep: true })
  await gone.page.evaluate(() => window.conference.declare(false))
  await a.toggle('people')
  await a.page.locator('.panel li', { hasText: 'Person 2' }).getByText('Erklärung zu Dritten im Raum fehlt').waitFor()
  await a.page.locator('.panel li', { hasText: 'Person 1' }).getByText('erklärt: keine Dritten im Raum').waitFor()
  const remove = a.page.locator(`[data-do="remove-${leaf}"]`)
  await remove.dblclick()
  await remove.getByText('Wirklich? Entfernen').waitFor() // a double click is one press
  assert.equal(await gone.page.evaluate(() => window.conference.phase), 'in')
  await until('a press of its own', async () => { await remove.click({ timeout: 1000 }).catch(() => {}); return await gone.page.evaluate(() => window.conference.phase) === 'over' })
  await gone.page.locator('.lead', { hasText: 'Sie wurden aus dem Gespräch entfernt' }).waitFor()
  assert.equal(await gone.page.locator('video').count(), 0, 'no picture stands')
  assert.equal(await gone.page.evaluate(() => window.conference.media), undefined)
  await gone.shoot('removed')
  for (const p of [a, b]) await p.inCall(2)
  await until('one code, another than before', async () => { const [x, y] = [await a.code(), await b.code()]; return x === y && x !== code })
  assert.equal(await a.page.locator(`.tile[data-leaf="${leaf}"]`).count(), 0, 'no picture of who has gone')
  await meets(a, b)
  await meets(b, a)
})

step('nothing of this was a fault of the page', () => {
  const odd = people.flatMap((p) => p.faults.filter((f) => !/conference: (the server says|refused)/.test(f)).map((f) => `${p.name}: ${f}`))
  assert.deepEqual(odd, [])
})
