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
  await chair.join()
  await joined(chair, 1)
  keys = await Person.come(browser, server, 2, { alone: false })
  const { page } = keys
  await page.focus('#name')
  await page.keyboard.press('Tab') // to the declaration
  await page.keyboard.press('Space')
  assert.equal(await page.isChecked('input[name=alone]'), true)
  await page.keyboard.press('Enter')
  await chair.page.locator('.knocks button.main').first().waitFor()
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

step('a telephone, 360 pixels wide, and VP9 both ways', async () => {
  phone = await Person.come(browser, server, 3, { viewport: { width: 360, height: 740 } })
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
})

step('no pictures: none is sent to who wants none, and they come back', async () => {
  const { page } = phone
  const leaf = await chair.leaf()
  for (let n = 0; n < 3 && !await page.evaluate(() => document.querySelector('[data-tool=view]').textContent.includes('Ton')); n++) await phone.toggle('view')
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
})

step('a member gets no hall\'s screen by an address', async () => {
  const member = await Person.come(browser, server, 5, { mode: 'room' }) // which has filled in the form
  assert.equal(await member.page.locator('form button.main').count(), 1)
  assert.equal(await member.page.evaluate(() => window.conference), undefined)
  for (const p of [...all(), member]) assert.deepEqual(p.faults.filter((f) => /script|request/.test(f)), [])
})
