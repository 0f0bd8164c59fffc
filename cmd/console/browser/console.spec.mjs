// The demo as a person sees it, in Debian's Chromium: sign in by the printed link, start a session, see an alarm,
// answer it, switch the language, look at it on a phone; then a second account with password and one-time code.
//
//   SUBROSA_BIN    folder of the built programs, default ../../../bin
//   SUBROSA_SHOTS  folder for screenshots, default a new one below the system's temporary folder
//   CHROMIUM       default /usr/bin/chromium
import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Program, absent, launch, shoot, shots, sideways, watch } from './harness.mjs'

const skip = absent('subrosa', 'roomd', 'sensed', 'console', 'confd')
const linkPattern = /(https?:\/\/(?:localhost|127\.0\.0\.1):\d+)(\/demo\/\S+)/
const patience = 120_000 // ms, for what the scenario brings by itself

let demo, browser, origin, context, page, faults

before(async () => {
  if (skip) return
  demo = new Program('subrosa', 'demo')
  const [, base, path] = await demo.match(linkPattern, 120)
  origin = base
  browser = await launch()
  context = await browser.newContext({ locale: 'de-DE', viewport: { width: 1280, height: 900 } })
  page = await context.newPage()
  page.setDefaultTimeout(20_000)
  faults = watch(page, origin)
  await page.goto(origin + path)
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  if (demo) assert.equal(await demo.stop(), 0, `the demo does not end cleanly; it printed:\n${demo.output}`)
  if (!skip) console.log(`screenshots: ${shots}`)
})

// step is a test that shows the page when it fails.
function step (name, run) {
  test(name, { skip, timeout: 180_000 }, async () => {
    try {
      await run()
    } catch (err) {
      await shoot(page, 'failed').catch(() => {})
      err.message += `\n${page.url()}\n${(await page.locator('body').innerText().catch(() => '')).slice(0, 2000)}`
      throw err
    }
  })
}

const room = () => page.goto(`${origin}/rooms/ratssaal`)
const body = (text) => page.locator('main').getByText(text).first()

step('the link signs in and shows the rooms', async () => {
  await page.waitForURL(`${origin}/`)
  assert.equal(await page.locator('html').getAttribute('lang'), 'de')
  await page.getByRole('link', { name: /Ratssaal/ }).first().waitFor({ timeout: patience })
  await shoot(page, 'rooms')
})

step('the link works once', async () => {
  const [, base, path] = await demo.match(linkPattern)
  const stranger = await browser.newContext()
  const answer = await (await stranger.newPage()).goto(base + path)
  assert.equal(answer.status(), 404)
  await stranger.close()
})

step('nobody gets in without it', async () => {
  const stranger = await browser.newContext()
  const other = await stranger.newPage()
  await other.goto(`${origin}/rooms/ratssaal`)
  assert.equal(new URL(other.url()).pathname, '/login')
  for (const path of ['/api/rooms', '/events']) {
    assert.equal((await stranger.request.get(origin + path)).status(), 401, path)
  }
  await stranger.close()
})

step('a session is started and closes', async () => {
  await room()
  const start = page.locator('#session form:has(input[name="act"][value="start"]) button')
  const closed = page.locator('#state .word', { hasText: /^Nichtöffentlich/ })
  await start.or(closed).first().waitFor({ timeout: patience })
  if (await start.isVisible()) {
    await shoot(page, 'room-open')
    await start.click()
    await page.waitForURL(/done=session/)
  }
  await closed.waitFor({ timeout: patience })
  await shoot(page, 'room-closed')
})

step('the room says how its conference stands, and which program it hands out', async () => {
  await room()
  const card = page.locator('#meeting')
  await card.getByText(/erlaubt: (nichtöffentlich|vertraulich)/).waitFor({ timeout: patience }) // the session's level, by way of the conference
  await card.locator('summary').click()
  const sums = readFileSync(fileURLToPath(new URL('../../../firmware/conference/client/dist/SHA256SUMS', import.meta.url)))
  assert.equal((await card.locator('details p code').innerText()).replaceAll(' ', ''), createHash('sha256').update(sums).digest('hex'))
  await shoot(page, 'room-conference')
})

step('an alarm is seen as it comes, with its likely innocent cause, and answered', async () => {
  await room()
  const alarm = page.locator('#alarms .alarm:has(form)').first()
  await alarm.waitFor({ timeout: patience }) // comes by the event stream, nobody reloads
  for (const words of ['Mögliche harmlose Ursache', 'Zu tun']) await alarm.getByText(words).waitFor()
  await shoot(page, 'room-alarm')
  const id = await alarm.getAttribute('id')
  await alarm.locator('select[name="answer"]').selectOption({ index: 1 })
  await alarm.getByRole('button').click()
  await page.waitForURL(/done=ack/)
  // The unit has recorded the answer and says so; what was open is now among the answered.
  await page.locator(`#${id} .answer`).waitFor({ state: 'attached', timeout: patience })
  assert.equal(await page.locator(`#${id} form`).count(), 0, 'an answered alarm asks again')
  await shoot(page, 'room-answered')
  await page.goto(`${origin}/trail`)
  await body('Befund beantwortet').waitFor()
  await shoot(page, 'trail')
})

step('silence is never shown as proof', async () => {
  await room()
  const coverage = page.locator('#coverage')
  await coverage.getByText('Schall', { exact: true }).waitFor({ timeout: patience })
  await coverage.getByText(/nicht prüfbar/i).first().waitFor()
  assert.match(await page.locator('#state .checked').innerText(), /Geprüft/i)
})

step('the language is switched and stays', async () => {
  await page.goto(`${origin}/rooms/ratssaal?lang=en`)
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
  assert.equal(new URL(page.url()).search, '')
  await page.goto(`${origin}/`)
  await page.getByRole('link', { name: /Deutsch/ }).first().waitFor()
  await room()
  await page.getByRole('heading', { name: 'Coverage' }).waitFor()
  await shoot(page, 'room-english')
  await page.getByRole('link', { name: /Deutsch/ }).first().click()
  await page.getByRole('heading', { name: 'Abdeckung' }).waitFor()
})

step('the simulated panel moves the unit: its button, a window contact, and what wall and console say of it', async () => {
  const [, unit] = await demo.match(/Wand im Ratssaal:\s+(http:\/\/[^/\s]+)\//)
  const sim = await context.newPage()
  const wall = await context.newPage()
  const theirs = [watch(sim, unit), watch(wall, unit)]
  for (const p of [sim, wall]) p.setDefaultTimeout(20_000)
  await sim.goto(`${unit}/simulator`)
  await wall.goto(`${unit}/`)
  await sim.getByText('Nichts auf dieser Seite ist echt').waitFor()
  const push = sim.locator('[data-hold="button"]')
  const press = () => push.click({ delay: 200 })
  const word = (text) => wall.locator('h1.word', { hasText: text }).waitFor({ timeout: 45_000 })
  const read = (text) => sim.locator('#read-window-1', { hasText: text }).waitFor()

  const flow = async () => {
    await wall.locator('h1.word', { hasText: /^(Öffentlich|Nichtöffentlich)/ }).waitFor({ timeout: patience })
    if (/^(Öffentlich|Nichtöffentlich ab)/.test(await wall.locator('h1.word').innerText())) await press()
    await word(/^Nichtöffentlich(?! ab)/)
    await sim.locator('#contact-window-1').selectOption('open')
    await read('offen')
    await word('mit Einschränkungen')
    await push.hover()
    await sim.mouse.down()
    await sim.locator('#press', { hasText: 'lang' }).waitFor()
    await sim.mouse.up()
    await word('Unterbrochen: Fenster offen')
    await room()
    await page.locator('#state .word', { hasText: 'Unterbrochen: Fenster offen' }).waitFor()
    await shoot(sim, 'simulator')
    await shoot(wall, 'wall-window')
    await sim.locator('#contact-window-1').selectOption('closed')
    await read('zu')
    await sim.locator('#press', { hasText: 'lang' }).waitFor()
    await press()
    await word(/^Nichtöffentlich/)
  }
  // The demo's own chair ends its session once; whoever is in the midst then begins again.
  await flow().catch(async () => {
    await sim.locator('#contact-window-1').selectOption('closed')
    await flow()
  })
  await push.focus()
  await sim.keyboard.press('Enter') // too short for a press, and no fault
  await sim.setViewportSize({ width: 390, height: 844 })
  assert.equal(await sideways(sim), 0, 'the simulator is wider than 390 px')
  await shoot(sim, 'phone-simulator')
  await sim.emulateMedia({ colorScheme: 'dark' })
  await shoot(sim, 'phone-simulator-dark')
  await sim.getByRole('link', { name: 'English' }).click()
  await sim.getByText('Nothing on this page is real').waitFor()
  await sim.getByRole('link', { name: 'Deutsch' }).click() // the cookie is for all pages of this host
  await sim.getByText('Nichts auf dieser Seite ist echt').waitFor()
  assert.deepEqual(theirs.flat(), [])
  await sim.close()
  await wall.close()
})

step('the lock of voice assistants: counts on wall, chair\'s page and console, and a member who checks in by a link that opens once', async () => {
  const [, unit] = await demo.match(/Wand im Ratssaal:\s+(http:\/\/[^/\s]+)\//)
  const [, key] = await demo.match(/Seite der Sitzungsleitung:\s+(\S+)/)
  const chair = await context.newPage()
  const own = await browser.newContext({ locale: 'de-DE', viewport: { width: 390, height: 844 } })
  const member = await own.newPage()
  const theirs = [watch(chair, unit), watch(member, unit)]
  for (const p of [chair, member]) p.setDefaultTimeout(patience)
  await chair.setViewportSize({ width: 390, height: 844 })
  await chair.goto(key)
  await chair.waitForURL(`${unit}/leitung`)
  await chair.locator('#lockdown', { hasText: 'Assistenten aus' }).waitFor() // only while a session is planned or held
  await chair.getByText('243 von 250 aus, Stand').waitFor()
  assert.equal(await sideways(chair), 0, 'the chair\'s page is wider than 390 px')
  await shoot(chair, 'phone-chair-lockdown')
  const attend = async () => {
    await chair.goto(`${unit}/leitung/anwesenheit`)
    await chair.locator('#more-m-03 summary').click()
    await chair.locator('#more-m-03').getByRole('button', { name: 'Link für zu Hause' }).click()
    await member.goto((await chair.locator('.address').innerText()).trim())
    assert.equal(await sideways(member), 0, 'the check-in is wider than 390 px')
    await shoot(member, 'phone-check-in')
    await member.selectOption('#private', '1')
    await member.getByRole('button', { name: 'Anmelden' }).click()
    await member.getByText('Danke, Sie sind angemeldet.').waitFor()
  }
  await attend().catch(attend) // the demo's session may have ended in between, and begins again
  await member.goBack()
  await member.reload()
  await member.getByText('Dieser Link gilt nicht mehr').waitFor() // once
  theirs[1] = theirs[1].filter((f) => !/status of 403/.test(f))
  await chair.setViewportSize({ width: 1280, height: 720 })
  await chair.goto(`${unit}/`)
  await chair.locator('.phones', { hasText: 'Assistenten aus' }).waitFor()
  await shoot(chair, 'wall-lockdown')
  await page.goto(`${origin}/devices`)
  await page.getByText('243 von 250 aus, Stand').waitFor()
  await page.locator('#posture svg.ring').waitFor()
  await shoot(page, 'devices')
  assert.deepEqual(theirs.flat(), [])
  await own.close()
  await chair.close()
})

step('every page fits a phone', async () => {
  await page.setViewportSize({ width: 390, height: 844 })
  for (const path of ['/', '/rooms/ratssaal', '/units', '/devices', '/trail', '/accounts']) {
    await page.goto(origin + path)
    assert.equal(await sideways(page), 0, `${path} is wider than 390 px`)
    await shoot(page, `phone${path.replaceAll('/', '-')}`)
  }
  await page.setViewportSize({ width: 1280, height: 900 })
})

step('dark and without motion', async () => {
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' })
  await room()
  await shoot(page, 'room-dark')
  await page.emulateMedia({ colorScheme: null, reducedMotion: null })
})

step('the keyboard reaches the content first', async () => {
  await room()
  await page.keyboard.press('Tab')
  assert.match(await page.evaluate(() => document.activeElement.textContent.trim()), /Zum Inhalt springen/)
})

step('a second account: link, password, one-time code, recovery code', async () => {
  await page.goto(`${origin}/accounts`)
  const invite = page.locator('form[action="/accounts"]')
  await invite.locator('[name="role"]').first().selectOption('clerk')
  await invite.getByRole('button').click()
  const link = /\/enrol\/[\w-]+/.exec(await page.content())[0]
  const stranger = await browser.newContext({ locale: 'de-DE' })
  const other = await stranger.newPage()
  const theirs = watch(other, origin)
  const account = { name: 'sitzungsdienst-1', password: 'ein Satz ist leichter zu merken' }

  await other.goto(origin + link)
  const secret = (await other.locator('#secret').innerText()).replaceAll(' ', '')
  await shoot(other, 'enrol')
  await fill(other, { ...account, again: account.password, code: totp(secret, Date.now()) })
  const code = (await other.locator('.codes li').first().innerText()).trim()
  await other.getByRole('link', { name: 'Weiter' }).click()
  await other.waitForURL(`${origin}/`)

  await signOut(other)
  await fill(other, { ...account, code: '000000' })
  await other.getByText('Kontoname, Passwort oder Einmalcode stimmen nicht.').waitFor()
  await fill(other, { ...account, code })
  await other.waitForURL(`${origin}/`)
  assert.equal((await stranger.request.get(`${origin}/accounts`)).status(), 403, 'a clerk manages accounts')
  await signOut(other)
  await fill(other, { ...account, code })
  await other.getByText('Kontoname, Passwort oder Einmalcode stimmen nicht.').waitFor() // a recovery code works once
  assert.deepEqual(theirs.filter((f) => !/status of 40[13]/.test(f)), [])
  await stranger.close()
})

step('no page complained or asked anyone else', async () => {
  assert.deepEqual(faults, [])
})

async function fill (page, fields) {
  for (const [name, value] of Object.entries(fields)) await page.locator(`input[name="${name}"]`).fill(value)
  await page.locator('main form').getByRole('button').first().click()
}

async function signOut (page) {
  await page.locator('form[action="/logout"] button').click()
  await page.waitForURL(`${origin}/login`)
}

// totp is RFC 6238 with its defaults: SHA-1, 30 s, six digits.
function totp (secret, ms) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(ms / 30_000)))
  const mac = createHmac('sha1', key).update(counter).digest()
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0')
}

test('the test knows RFC 6238', () => { // its appendix B, the last six of eight digits
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  assert.deepEqual([59, 1111111109, 20000000000].map((s) => totp(secret, s * 1000)), ['287082', '081804', '353130'])
})
