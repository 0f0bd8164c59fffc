// The forms in which people take part, on the built confd with VP9 first: a laptop in the hall without sound,
// a telephone 360 pixels wide, the keyboard alone, a shared screen, no pictures. axe-core looks at each page.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { Person, absent, launch, meets, near, shots, until } from '../../../firmware/conference/browser/people.mjs'
import { Confd } from './installed.mjs'

const skip = absent()
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const green = [40, 180, 60]
let server, browser, chair, phone, hall, keys
const all = () => [chair, phone, hall, keys].filter((p) => p !== undefined)

// desktop replaces the screen that is shared by a green one; it runs in the page.
function desktop (colour) {
  if (navigator.mediaDevices === undefined) return
  navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 })
    const g = canvas.getContext('2d')
    setInterval(() => { g.fillStyle = `rgb(${colour})`; g.fillRect(0, 0, 320, 180) }, 100)
    return canvas.captureStream(10)
  }
}

// remember keeps the page's line to the server, so that the test can say something in the server's place; it runs in the page.
function remember () {
  const Line = window.WebSocket
  window.WebSocket = class extends Line { constructor (...a) { super(...a); window.line = this } }
}

before(async () => {
  if (skip) return
  server = await Confd.start({ codecs: ['vp9', 'vp8'] })
  browser = await launch()
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
  if (!skip) console.log(`screenshots: ${shots}`)
})

function step (name, run) {
  test(name, { skip, timeout: 180_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const p of all()) { await p.shoot(`forms-failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.slice(-4).join(' | ')}` }
      throw err
    }
  })
}

// judged asserts that axe finds nothing on a page against WCAG 2.2 A and AA.
async function judged (p, what) {
  await p.page.evaluate(axe)
  const { violations, passes } = await p.page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
  assert.ok(passes.length > 5, `${what}: axe has looked at little: ${passes.length}`)
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 120)).join(' ; ')}`), [], what)
}

const joined = (p, n) => p.inCall(n, 60_000)

step('the keyboard alone: joining, devices, hand, panels', async () => {
  chair = await Person.come(browser, server, 0, { role: 'chair', scripts: [[desktop, green]] })
  await judged(chair, 'before joining')
  await chair.page.emulateMedia({ colorScheme: 'dark' })
  await judged(chair, 'before joining, dark')
  await chair.join()
  await joined(chair, 1)
  const gone = await Person.come(browser, server, 4)
  await gone.join()
  await chair.page.getByText('Es warten (1)').waitFor()
  await judged(chair, 'somebody waits, dark')
  await chair.page.emulateMedia({ colorScheme: 'light' })
  await gone.page.click('button.main') // leaves
  await chair.page.locator('.knocks').waitFor({ state: 'hidden' })
  await gone.close()
  keys = await Person.come(browser, server, 2, { alone: false })
  const { page } = keys
  assert.equal(await page.locator('input[name=alone]').count(), 0, 'an internal session asks for no declaration')
  await page.focus('#name')
  await page.keyboard.press('Enter')
  await chair.page.locator('.knocks', { hasText: 'Mitglied m-2' }).getByText('angemeldet mit Einladungslink').waitFor() // of the verified binding
  await chair.page.focus('.knocks button.main')
  await chair.page.keyboard.press('Enter')
  await joined(keys, 2)
  await page.locator('[data-tool=camera]').waitFor()
  for (const [key, name] of [['k', 'cam'], ['m', 'mic']]) {
    await page.keyboard.press(key)
    await page.waitForFunction((k) => window.conference.self[k], name, { timeout: 60_000 })
  }
  await page.keyboard.press('h')
  await page.waitForFunction(() => window.conference.person(window.conference.leaf)?.hand === 1)
  await page.keyboard.press('t')
  await page.waitForFunction(() => document.activeElement?.closest('.panel') !== null)
  await judged(keys, 'participants')
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => document.activeElement?.getAttribute('data-tool') === 'people')
  await page.keyboard.press('c')
  await page.waitForFunction(() => document.activeElement?.getAttribute('name') === 'message')
  await page.keyboard.type('Guten Tag')
  await page.keyboard.press('Enter')
  const said = (p) => p.page.evaluate(() => window.conference.chat.map((c) => c.text).join('|'))
  await until('the chair reads it', async () => await said(chair) !== '')
  for (const p of [chair, keys]) assert.equal(await said(p), 'Guten Tag', 'without the key that opened the panel')
  await judged(keys, 'chat')
  await page.keyboard.press('Escape')
  await page.waitForFunction(() => document.activeElement?.getAttribute('data-tool') === 'chat')
})

// under finds which buttons of the bar a finger does not reach where they are.
const unreached = (p) => p.page.evaluate(() => [...document.querySelectorAll('.bar button, .bar select')].filter((b) => {
  const { left, top, width, height } = b.getBoundingClientRect()
  return document.elementFromPoint(left + width / 2, top + height / 2)?.closest('button, select') !== b
}).map((b) => b.textContent))

step('a telephone, 360 pixels wide, and VP9 both ways', async () => {
  phone = await Person.come(browser, server, 3, { viewport: { width: 360, height: 740 }, scripts: [[remember]] })
  await judged(phone, 'before joining, narrow')
  await phone.join()
  await chair.admit()
  await joined(phone, 3)
  for (const p of [chair, phone]) { await p.on('camera'); await p.on('microphone') }
  for (const [p, q] of [[chair, phone], [phone, chair], [phone, keys]]) await meets(p, q)
  const codecs = await phone.page.evaluate(async () => {
    const out = new Set()
    for (const t of window.conference.tracks.filter((x) => x.source === 'camera')) {
      const stats = await t.receiver.getStats()
      for (const s of stats.values()) if (s.type === 'inbound-rtp') out.add(stats.get(s.codecId)?.mimeType)
    }
    return [...out]
  })
  assert.deepEqual(codecs, ['video/VP9'])
  const { wide, small, outside } = await phone.page.evaluate(() => {
    const boxes = [...document.querySelectorAll('.bar button')].map((b) => b.getBoundingClientRect())
    return { wide: document.documentElement.scrollWidth, small: boxes.filter((b) => b.width < 24 || b.height < 24).length, outside: boxes.filter((b) => b.left < 0 || b.right > innerWidth || b.bottom > innerHeight).length }
  })
  assert.ok(wide <= 360, `the page is ${wide} pixels wide`)
  assert.deepEqual({ small, outside }, { small: 0, outside: 0 }, 'buttons that a finger does not find')
  await judged(phone, 'in the call, narrow')
  await phone.shoot('forms-phone')
  for (const name of ['people', 'chat']) {
    await phone.toggle(name)
    assert.deepEqual(await unreached(phone), [], `with ${name} open`)
    await phone.shoot(`forms-phone-${name}`)
    await phone.page.getByRole('button', { name: 'Schließen' }).click()
    assert.equal(await phone.page.locator('.panel').isVisible(), false)
  }
})

step('no pictures: none is sent to who wants none, and they come back', async () => {
  const { page } = phone
  const leaf = await chair.leaf()
  for (const says of ['Sprechende groß', 'Nur Ton']) { // what it will do
    assert.equal(await page.locator('[data-tool=view]').innerText(), says)
    await phone.toggle('view')
  }
  await until('no picture is shown', async () => (await page.locator('.tile[data-mode=live]:not([data-own])').count()) === 0)
  await until('none is sent', async () => {
    const a = (await phone.counts(leaf)).ok
    await new Promise((resolve) => setTimeout(resolve, 1500))
    return (await phone.counts(leaf)).ok === a
  })
  await until('the voice goes on', async () => Math.abs(((await phone.hears(leaf))?.hz ?? 0) - chair.hz) < 12)
  await phone.toggle('view')
  await until('the picture is back', async () => near((await phone.sees(leaf))?.colour, chair.colour))
})

step('a picture that the server has paused says why, with the name', async () => {
  const { page } = phone
  const leaf = await chair.leaf()
  const tile = page.locator(`.tile[data-leaf="${leaf}"][data-source=camera]`)
  const track = await page.evaluate((leaf) => { const c = window.conference; return c.tracks.find((x) => x.leaf === leaf && x.source === 'camera').track }, leaf)
  await page.evaluate((track) => { window.conference.asks.prefer([track]) }, track) // it stops coming, and the server's word follows
  const flow = (paused) => page.evaluate((paused) => { window.line.dispatchEvent(new MessageEvent('message', { data: JSON.stringify({ type: 'flow', down: 200_000, paused }) })) }, paused)
  await until('the tile says why', async () => { await flow([track]); return await tile.getByText('Bild angehalten: Ihre Leitung').isVisible() }) // the server's own word comes between
  await tile.getByText('Person 0').waitFor()
  await page.evaluate(() => { window.conference.asks.prefer() })
  await flow([])
  await until('the picture is back', async () => near((await phone.sees(leaf))?.colour, chair.colour))
})

step('the other language, without leaving the call', async () => {
  const { page } = phone
  const leaf = await phone.leaf()
  await phone.toggle('chat')
  await page.fill('input[name=message]', 'halb')
  await page.getByRole('link', { name: 'English' }).click()
  await page.getByRole('button', { name: 'Participants' }).waitFor()
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, window.conference.leaf, window.conference.phase, document.querySelector('input[name=message]').value]), ['en', leaf, 'in', 'halb'])
  await until('pictures go on', async () => near((await phone.sees(await chair.leaf()))?.colour, chair.colour))
  await page.getByRole('link', { name: 'Deutsch' }).click()
  await phone.toggle('chat')
})

step('hands in their order; the floor is given and taken', async () => {
  await phone.toggle('hand')
  await chair.toggle('people')
  const list = chair.page.locator('.panel ol li > span:first-child')
  await until('both hands', async () => (await list.allInnerTexts()).join() === 'Person 2,Person 3')
  await judged(chair, 'participants, as chair')
  await chair.shoot('forms-hands')
  await chair.page.locator('.panel ol button.main').first().click()
  await keys.page.locator('.state', { hasText: 'Sie haben das Wort.' }).waitFor()
  const tile = phone.page.locator(`.tile[data-leaf="${await keys.leaf()}"][data-floor]`)
  await tile.waitFor()
  await until('one hand', async () => (await list.allInnerTexts()).join() === 'Person 3')
  await chair.page.click('[data-do=floor-off]')
  await tile.waitFor({ state: 'detached' })
  assert.equal(await keys.page.locator('.state').innerText(), '')
})

step('the chair turns a microphone off; a councillor\'s order is nobody\'s', async () => {
  const order = (p, leaf) => p.page.evaluate((leaf) => window.conference.say({ t: 'mute', leaf }), leaf)
  await order(keys, await phone.leaf())
  await keys.page.evaluate(() => window.conference.say({ t: 'chat', text: 'nach der Anordnung', at: Date.now() }))
  await until('what came after it is there', async () => (await phone.page.evaluate(() => window.conference.chat.at(-1)?.text)) === 'nach der Anordnung')
  assert.equal(await phone.page.evaluate(() => window.conference.self.mic), true)
  await chair.page.click(`[data-do="mute-${await phone.leaf()}"]`)
  await phone.page.waitForFunction(() => !window.conference.self.mic && window.conference.track('microphone') === undefined)
  await phone.page.locator('.notes', { hasText: 'Person 0 hat Ihr Mikrofon ausgeschaltet.' }).waitFor()
  for (const p of [chair, phone]) await p.page.locator('.where', { hasText: /Netz: (gut|mittel|schwach)/ }).waitFor()
})

step('a screen is shared', async () => {
  await chair.on('screen')
  const leaf = await chair.leaf()
  await until('the screen is seen', async () => near((await phone.sees(leaf, 'screen'))?.colour, green))
  await until('the camera, too', async () => near((await phone.sees(leaf))?.colour, chair.colour))
  await chair.toggle('screen')
  await until('it is gone', async () => (await phone.page.locator('.tile[data-source=screen]').count()) === 0)
})

step('a laptop in the hall hears nothing and sends no sound', async () => {
  hall = await Person.come(browser, server, 4)
  await hall.page.check('input[name=companion]')
  await hall.join()
  await chair.admit()
  await joined(hall, 4)
  await until('it sees', async () => near((await hall.sees(await chair.leaf()))?.colour, chair.colour))
  assert.equal(await hall.page.locator('[data-tool=microphone], [data-tool=camera]').count(), 0)
  assert.equal(await hall.page.evaluate(() => window.conference.tracks.filter((t) => t.source === 'microphone').length), 0)
  await judged(hall, 'in the hall')
  await chair.shoot('forms-chair')
})

step('a member gets no hall\'s screen by an address', async () => {
  const member = await Person.come(browser, server, 5, { mode: 'room' }) // which has filled in the form
  assert.equal(await member.page.locator('form button.main').count(), 1)
  assert.equal(await member.page.evaluate(() => window.conference), undefined)
  for (const p of [...all(), member]) assert.deepEqual(p.faults.filter((f) => /script|request/.test(f)), [])
})
