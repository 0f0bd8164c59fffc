// Firefox on the built confd over HTTPS, with Chromium in the chair, in a confidential session: the first link, passkeys, an
// invitation made in Firefox, both judged by content, one room code, chat, and the end by the roster's file. Long.
//
// BiDi has no command for a virtual authenticator. Firefox's own service has one, which is asked in the browser's privileged
// context (--remote-allow-system-access): what the page gets is the passkey of Firefox's own code, with its test's token behind
// it.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { launchFirefox, namespace, skip } from '../../../firmware/conference/browser/firefox.mjs'
import { Person, colours, devices, launch, measured, near, shots, tones, until } from '../../../firmware/conference/browser/people.mjs'
import { Confd } from './installed.mjs'

namespace(import.meta.url, 400_000)

let server, chromium, firefox, chair, clerk, page
const faults = []

// authenticator gives Firefox one that holds passkeys and verifies its user.
async function authenticator (browser) {
  const { result } = await browser.connection.send('browsingContext.getTree', { 'moz:scope': 'chrome' })
  const r = await browser.connection.send('script.evaluate', {
    expression: "Cc['@mozilla.org/webauthn/service;1'].getService(Ci.nsIWebAuthnService).addVirtualAuthenticator('ctap2_1', 'internal', true, true, true, true)",
    target: { context: result.contexts[0].context }, awaitPromise: true
  })
  assert.equal(r.result.type, 'success', JSON.stringify(r.result))
}

before(async () => {
  if (skip) return
  server = await Confd.start({ level: 'confidential', tls: true, everywhere: true })
  chromium = await launch(`--ignore-certificate-errors-spki-list=${server.spki}`)
  firefox = await launchFirefox({
    acceptInsecureCerts: true, args: ['--remote-allow-system-access'],
    prefs: { 'security.webauth.webauthn_enable_softtoken': true, 'security.webauth.webauthn_enable_usbtoken': false }
  })
  await authenticator(firefox)
}, { timeout: 240_000 })

after(async () => {
  await firefox?.close()
  await chromium?.close()
  await server?.stop()
})

function step (name, run) {
  test(name, { skip, timeout: 180_000 }, async () => {
    try {
      await run()
    } catch (err) {
      await page?.screenshot({ path: `${shots}/failed-confd-firefox.png` }).catch(() => {})
      const state = await page?.evaluate(() => JSON.stringify({ phase: window.conference?.phase, tracks: window.conference?.tracks?.map((t) => [t.source, t.ok, t.refused, t.fresh]), body: document.body.innerText.slice(0, 400) })).catch(String)
      err.message += `\nFirefox: ${faults.slice(0, 10).join(' | ')}\n${state}\nChromium: ${chair?.faults.join(' | ')}\n${server.output.slice(-1500)}`
      throw err
    }
  })
}

const press = async (name) => (await page.waitForSelector(`xpath///*[self::button or self::a][normalize-space()="${name}"]`, { timeout: 60_000 })).click()
const says = (text) => page.waitForFunction((t) => document.body.innerText.includes(t), { timeout: 60_000 }, text)

step('Firefox sets up a passkey by the first link, and makes the link of the chair', async () => {
  page = await firefox.newPage()
  page.on('console', (m) => { if (['error', 'warn'].includes(m.type())) faults.push(m.text()) })
  page.on('pageerror', (e) => faults.push(String(e)))
  await page.evaluateOnNewDocument(`(${devices})(${JSON.stringify({ colour: colours[1], hz: 0 })}, navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices))`)
  await page.goto(server.firstInvite())
  await press('Einladung annehmen')
  await press('Passkey einrichten')
  await says('Einladungslink + Passkey')
  await page.goto(`${server.url}/access/clerk?room=ratssaal`)
  await page.select('select[name=member]', 'm-0')
  await page.select('select[name=purpose]', 'enrol')
  await press('Link erstellen')
  await page.waitForSelector('#link')
  const link = await page.$eval('#link', (e) => e.innerText.trim())

  const context = await chromium.newContext({ locale: 'de-DE', viewport: { width: 900, height: 640 } })
  chair = Object.assign(new Person(), { i: 0, name: 'Leitung', faults: [], context, page: await context.newPage() })
  chair.page.setDefaultTimeout(60_000)
  chair.page.on('console', (m) => { if (['error', 'warning'].includes(m.type())) chair.faults.push(m.text()) })
  await chair.page.addInitScript(devices, { colour: colours[0], hz: tones[0] })
  const cdp = await context.newCDPSession(chair.page)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } })
  await chair.page.goto(link)
  await chair.page.getByRole('button', { name: 'Einladung annehmen' }).click()
  await chair.page.getByRole('button', { name: 'Passkey einrichten' }).click()
  await chair.page.getByText('Einladungslink + Passkey').waitFor()
})

step('both join, by keys that their passkeys have signed, and have one room code', async () => {
  await chair.page.getByRole('link', { name: 'Zur Konferenz' }).click()
  await chair.page.fill('#name', 'Leitung')
  await chair.page.check('input[name=alone]')
  await chair.join()
  await chair.inCall(1, 60_000)
  await page.goto(`${server.url}/room/ratssaal`)
  await page.waitForSelector('#name')
  await page.type('#name', 'Firefox')
  await page.click('input[name=alone]')
  await page.click('button.main')
  await chair.admit()
  await chair.inCall(2, 60_000)
  await page.waitForFunction(() => window.conference?.phase === 'in' && window.conference.members.length === 2, { timeout: 60_000 })
  clerk = Object.assign(new Person(), { i: 1, name: 'Firefox', page })
  await until('one code', async () => { const [a, b] = [await chair.code(), await clerk.code()]; return a && a === b })
})

step('they see and hear each other', async () => {
  await chair.on('camera')
  await chair.on('microphone')
  for (const [tool, key] of [['camera', 'cam'], ['microphone', 'mic']]) {
    await page.click(`[data-tool=${tool}]`)
    await page.waitForFunction((k) => window.conference.self[k], { timeout: 60_000 }, key)
  }
  const [mine, theirs] = [await chair.leaf(), await clerk.leaf()]
  const energy = () => page.evaluate(async () => {
    const t = window.conference.tracks.find((x) => x.source === 'microphone')
    const sum = async () => { for (const r of (await t.receiver.getStats()).values()) if (r.type === 'inbound-rtp') return r.totalAudioEnergy ?? 0; return 0 }
    const before = await sum()
    await new Promise((resolve) => setTimeout(resolve, 2000))
    return await sum() - before
  })
  await until('Chromium sees Firefox', async () => near((await chair.sees(theirs))?.colour, colours[1]))
  await until('Chromium hears Firefox', async () => { const h = await chair.hears(theirs); return h && Math.abs(h.hz - tones[1]) < 15 && h.over > 25 })
  await until('Firefox sees Chromium', async () => near((await clerk.sees(mine))?.colour, colours[0]))
  // Firefox runs no AudioContext without a sound card: what it decodes is judged by its energy, and by frames that opened
  await until('Firefox hears Chromium', async () => (await energy()) > 0.05 && (await clerk.counts(mine, 'microphone')).ok > 100)
  measured(`${await firefox.version()} on confd, HTTPS, confidential, by passkey: with Chromium ${chromium.version()} sees and is seen, hears and is heard`)
  if (process.env.SUBROSA_SHOTS) await page.screenshot({ path: `${shots}/confd-firefox.png` })
})

step('chat goes both ways', async () => {
  await chair.toggle('chat')
  await page.click('[data-tool=chat]')
  await chair.page.fill('input[name=message]', 'Guten Abend aus Chromium')
  await chair.page.keyboard.press('Enter')
  await says('Guten Abend aus Chromium')
  await page.type('input[name=message]', 'Guten Abend aus Firefox')
  await page.keyboard.press('Enter')
  await chair.page.locator('.log').getByText('Guten Abend aus Firefox').waitFor()
})

step('off the roster, Firefox is out, shows no picture, and does not come back', async () => {
  const began = Date.now()
  server.roster('m-1')
  await page.waitForFunction(() => window.conference?.phase === 'over', { timeout: 60_000, polling: 50 })
  measured(`taken out of the roster's file, Firefox is out ${Date.now() - began} ms later`)
  await says('Ihre Teilnahmeberechtigung ist beendet')
  assert.equal(await page.evaluate(() => [...document.querySelectorAll('.tile video')].filter((v) => v.srcObject !== null && v.videoWidth > 0).length), 0, 'a picture stands')
  await chair.inCall(1, 60_000)
  await page.goto(`${server.url}/room/ratssaal`)
  assert.match(page.url(), /\/access\//)
  await press('Mit Passkey anmelden')
  await says('nicht auf der Teilnahmeliste')
  await page.goto(`${server.url}/room/ratssaal`)
  assert.match(page.url(), /\/access\//, 'the passkey of before lets in')
})
