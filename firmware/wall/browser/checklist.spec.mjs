// The list of devices to check by hand, on a phone in Debian's Chromium: the scene of firmware/wall/internal/show, which refuses every
// order, so that what a press sends and what comes back can both be seen.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { absent, launch, shoot, sideways } from '../../../cmd/console/browser/harness.mjs'

const skip = absent()
const root = fileURLToPath(new URL('../../../', import.meta.url))
let folder, pages, url, browser, page

before(async () => {
  if (skip) return
  folder = mkdtempSync(path.join(tmpdir(), 'subrosa-pages-'))
  execFileSync('go', ['build', '-o', path.join(folder, 'pages'), './firmware/wall/internal/show/pages'], { cwd: root })
  pages = spawn(path.join(folder, 'pages'), [], { stdio: ['ignore', 'pipe', 'ignore'] })
  url = await new Promise((resolve, reject) => {
    let text = ''
    pages.stdout.setEncoding('utf8')
    pages.stdout.on('data', (part) => {
      text += part
      const found = /^phones-paper +\S+ +(\S+)$/m.exec(text)
      if (found) resolve(found[1])
    })
    pages.once('exit', (code) => reject(new Error(`the pages ended with ${code}: ${text}`)))
  })
  browser = await launch()
  page = await (await browser.newContext({ locale: 'de-DE', viewport: { width: 360, height: 740 } })).newPage()
  page.setDefaultTimeout(20_000)
  await page.goto(url)
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  pages?.kill('SIGKILL')
  if (folder) rmSync(folder, { recursive: true, force: true })
})

test('the chair sees each device with its questions, open ones first', { skip, timeout: 60_000 }, async () => {
  const items = await page.locator('#checklist li').allInnerTexts()
  assert.equal(items.length, 4)
  assert.match(items[0], /d-31 iPhone[\s\S]*Dauerhaft: Assistent aus\?/)
  assert.match(items[1], /d-40 Linux[\s\S]*Diktierfunktion aus\? Mikrofon aus\?/)
  assert.match(items[2], /d-44 Windows[\s\S]*Mikrofon wieder freigegeben\?[\s\S]*Ja, freigegeben/)
  assert.match(items[3], /d-41 Android[\s\S]*erklärt: Schriftführung/)
  assert.match(await page.locator('#checklist').innerText(), /nicht als nachgewiesen/)
  assert.equal(await sideways(page), 0)
  await shoot(page, 'checklist')
})

test('a press sends the point and no other, and the answer is said', { skip, timeout: 60_000 }, async () => {
  const sent = page.waitForRequest((r) => r.method() === 'POST' && r.url().endsWith('/leitung/do'))
  await page.locator('#point-sr-d-40-2-lock').getByRole('button', { name: 'Ja, nachgesehen' }).click()
  const form = new URLSearchParams((await sent).postData())
  assert.deepEqual([form.get('act'), form.get('conn'), form.get('command'), form.get('done')], ['sign', 'paper', 'sr-d-40-2-lock', 'yes'])
  await page.getByRole('alert').filter({ hasText: 'nur eine Ansicht' }).waitFor()
  await page.goto(url)
  const denied = page.waitForRequest((r) => r.method() === 'POST')
  await page.locator('#point-sr-d-44-3-free').getByRole('button', { name: 'Nein' }).click()
  assert.equal(new URLSearchParams((await denied).postData()).get('done'), 'no')
})

test('in English, and never on the wall', { skip, timeout: 60_000 }, async () => {
  await page.goto(`${url}?lang=en`)
  await page.locator('#checklist').getByText('Dictation off? Microphone off?').waitFor()
  await page.goto(new URL('/', url).href)
  const wall = await page.locator('body').innerText()
  assert.doesNotMatch(wall, /d-40|d-31/)
  assert.match(wall, /declared off, not proven: 2/i)
})
