// The hall's own screen: Chromium joins by the unit's certificate of a real "subrosa site", without a sign-in, and the wall shows the code that
// the hall's own member computed. It leaves by a key, and comes back by hand alone.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Person, absent, launch, measured, meets, shots, until } from '../../../firmware/conference/browser/people.mjs'
import { serve, site } from './confd.mjs'

const skip = absent()
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
let server, browser, chair, hall, wall, made

// given keeps every track that the page gets of a device; it runs in the page, after the synthetic devices.
function given () {
  const get = navigator.mediaDevices.getUserMedia
  window.given = []
  navigator.mediaDevices.getUserMedia = async (want) => { const s = await get(want); window.given.push(...s.getTracks()); return s }
}

before(async () => {
  if (skip) return
  made = site()
  server = await serve({ SUBROSA_CONFD_SERVE: 'internal', SUBROSA_CONFD_SEALED: '1', SUBROSA_CONFD_WALL: '1', SUBROSA_CONFD_SITE: made.dir })
  browser = await launch(`--ignore-certificate-errors-spki-list=${made.spki}`)
}, { timeout: 240_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
  if (!skip) console.log(`screenshots: ${shots}`)
})

const by = async () => (await wall.locator('.key-by').count()) === 0 ? '' : await wall.locator('.key-by').innerText()
const digits = async () => (await wall.locator('.fives span').allInnerTexts()).join(' ')
const agree = async (label) => await until(`the wall shows the code, ${label}`, async () => (await by()).includes(label) && (await digits()) === (await chair.code()))

test('the hall comes by its certificate, and the wall shows its own code', { skip, timeout: 180_000 }, async () => {
  wall = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage()
  await wall.goto(server.wall)
  chair = await Person.come(browser, server, 0, { role: 'chair' })
  await chair.join()
  await chair.inCall(1, 60_000)
  await agree('von der Sitzungsleitung gemeldet')
  const [certPath, keyPath] = ['cert.pem', 'key.pem'].map((f) => path.join(made.dir, 'unit', 'ratssaal-1', f))
  hall = await Person.come(browser, server, 5, { scripts: [[given]], name: 'Saal', hall: { ignoreHTTPSErrors: true, clientCertificates: [{ origin: server.url, certPath, keyPath }] } })
  await chair.admit()
  for (const p of [chair, hall]) await p.inCall(2, 60_000)
  assert.equal(await hall.page.evaluate(() => window.conference.role), 'room')
  assert.deepEqual(await hall.context.cookies(), [], 'no sign-in')
  await agree('vom Saal selbst berechnet')
  assert.equal(await hall.code(), await digits())
  assert.match(await hall.page.locator('[data-own-code]').innerText(), /selbst berechnet/)
  await wall.screenshot({ path: `${shots}/hall-wall.png` })
})

test('it is seen and heard as one participant, with what a hall needs', { skip, timeout: 120_000 }, async () => {
  assert.deepEqual(await hall.page.evaluate(() => [window.given.length, window.conference.self.mic, window.conference.self.cam]), [0, false, false])
  await hall.on('camera')
  await hall.on('microphone')
  await meets(chair, hall)
  assert.equal(await hall.page.locator('[data-tool=chat], [data-tool=screen], select[name=behind]').count(), 0)
  assert.equal(await hall.page.evaluate(() => document.querySelector('details.key').open), true)
  await hall.page.evaluate(axe)
  const { violations, passes } = await hall.page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
  assert.ok(passes.length > 5)
  assert.deepEqual(violations.map((v) => v.id), [])
  await hall.shoot('hall')
})

// out asserts that the hall has left: it says so, its devices are off, and it stays out over a new start.
async function out () {
  await hall.page.getByText('Der Saal hat die Konferenz verlassen.').waitFor()
  assert.ok(await hall.page.evaluate(() => window.given.length >= 2 && window.given.every((t) => t.readyState === 'ended')), 'its devices are off')
  await chair.inCall(1)
  await agree('von der Sitzungsleitung gemeldet')
}

// again asserts that only a person brings the hall back, with its devices off.
async function again () {
  await hall.page.reload()
  await hall.page.getByText('Der Saal hat die Konferenz verlassen.').waitFor()
  assert.equal(await hall.page.evaluate(() => window.conference), undefined)
  await hall.page.keyboard.press('F9')
  assert.equal(await hall.page.evaluate(() => window.conference), undefined, 'the key that leaves joins nothing')
  await Promise.all([hall.page.waitForEvent('load'), hall.page.keyboard.press('Enter')]) // the button has the focus
  await until('the hall waits or is in', async () => await hall.page.evaluate(() => window.conference?.phase === 'in') || (await chair.page.locator('.knocks button.main').count()) > 0)
  if ((await chair.page.locator('.knocks button.main').count()) > 0) await chair.admit()
  for (const p of [chair, hall]) await p.inCall(2, 60_000)
  assert.deepEqual(await hall.page.evaluate(() => [window.given.length, window.conference.self.mic, window.conference.self.cam]), [0, false, false])
  await agree('vom Saal selbst berechnet')
}

test('a key leaves, and only a person brings it back', { skip, timeout: 120_000 }, async () => {
  await hall.page.keyboard.press('F9')
  await out()
  await hall.shoot('hall-left')
  await again()
})

test('the unit\'s contact leaves, by MQTT, and only a person brings it back', { skip, timeout: 120_000 }, async () => {
  await hall.on('camera')
  await hall.on('microphone')
  const at = Date.now()
  assert.ok((await fetch(`${server.wall}/test/leave`, { method: 'POST' })).ok)
  await out()
  measured(`the hall's own page, the chair's and the wall say that it has left ${Date.now() - at} ms after the unit's word`)
  await again()
})

test('nothing else went wrong', { skip, timeout: 30_000 }, async () => {
  for (const p of [chair, hall]) assert.deepEqual(p.faults.filter((f) => /script|request to/.test(f)), [])
})
