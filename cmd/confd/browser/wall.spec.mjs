// The room code and the program's checksum on the wall: the real confd reports by MQTT, and the wall's page shows the digits that
// the people's pages compute, and none of an epoch that is over.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { absent, gather, launch, measured, shots, until } from '../../../firmware/conference/browser/people.mjs'
import { serve } from './confd.mjs'

const skip = absent()
let server, browser, people, wall

before(async () => {
  if (skip) return
  server = await serve({ SUBROSA_CONFD_SERVE: 'internal', SUBROSA_CONFD_SEALED: '1', SUBROSA_CONFD_WALL: '1' })
  browser = await launch()
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
  if (!skip) console.log(`screenshots: ${shots}`)
})

const shown = async () => (await wall.locator('.fives').count()) === 0 ? '' : (await wall.locator('.fives span').allInnerTexts()).join(' ')
const state = async () => await wall.locator('.key').getAttribute('data-key', { timeout: 200 }).catch(() => '')
const codes = async (who) => { const all = new Set(await Promise.all(who.map((p) => p.code()))); return all.size === 1 ? [...all][0] : '' }
const agree = async (who) => await until('wall and pages show one code', async () => { const c = await codes(who); return c !== '' && c === await shown() && c })

test('the wall shows the digits of both pages, and the new ones after each change', { skip, timeout: 90_000 }, async () => {
  wall = await (await browser.newContext({ viewport: { width: 1280, height: 720 } })).newPage()
  await wall.goto(server.wall)
  // every state of the wall's code is kept from now on
  await wall.evaluate(() => {
    window.seen = []
    const look = () => {
      const now = [...document.querySelectorAll('.fives span')].map((s) => s.textContent).join(' ')
      if (window.seen.at(-1) !== now) window.seen.push(now)
    }
    look()
    new MutationObserver(look).observe(document.querySelector('[data-part=stage]'), { childList: true, subtree: true, characterData: true })
  })
  people = await gather(browser, server, 3)
  const three = await agree(people)
  assert.match(three, /^(\d{5} ){5}\d{5}$/)
  assert.match(await wall.locator('.key-by').innerText(), /von der Sitzungsleitung gemeldet/)
  await wall.screenshot({ path: `${shots}/wall-code.png` })

  const at = Date.now()
  await people[0].page.evaluate((leaf) => window.conference.remove(leaf), await people[2].leaf())
  for (const p of people.slice(0, 2)) await p.inCall(2)
  const two = await agree(people.slice(0, 2))
  measured(`the wall shows the code of the epoch after a removal ${Date.now() - at} ms after the press`)
  assert.notEqual(two, three)
  const seen = await wall.evaluate(() => window.seen)
  assert.equal(seen.filter((c) => c === three).length, 1, `the code of the epoch that is over came back: ${seen.join(' | ')}`)
})

test('the page has the room\'s name, and nobody was told that the chair is missing, for one was there', { skip, timeout: 30_000 }, async () => {
  for (const p of people.slice(0, 2)) {
    assert.equal(await p.page.locator('header h1').innerText(), 'Ratssaal')
    const leads = await p.leads()
    assert.ok(!leads.some((l) => /auf die Sitzungsleitung gewartet/.test(l)), `${p.name} was told: ${leads.join(' | ')}`)
  }
})

test('the checksum on the wall is the page\'s', { skip, timeout: 30_000 }, async () => {
  const sum = await people[0].page.locator('meta[name=bundle]').getAttribute('content')
  assert.match(sum, /^[0-9a-f]{64}$/)
  const full = (await wall.locator('#program code').textContent()).replaceAll(' ', '')
  assert.equal(full, sum)
  const short = (await wall.locator('.program code').innerText()).replace(' …', '')
  assert.match(await people[0].page.locator('footer summary').innerText(), new RegExp(short))
})

test('the handover asks everybody anew, and the unit hears what they say', { skip, timeout: 60_000 }, async () => {
  const said = async () => await (await fetch(`${server.wall}/test/declared`)).json()
  const words = async (want) => await until(`declared: ${want}`, async () => ((await said())?.said ?? []).map((s) => `${s.member} ${s.alone}`).join() === want)
  await words('') // at this level nobody is asked on coming in
  await fetch(`${server.wall}/test/session?state=handover`, { method: 'POST' })
  const asked = people[1].page.locator('.declare')
  await asked.waitFor()
  await words('')
  await people[1].shoot('declare')
  await asked.locator('[data-declare=yes]').click()
  await words('m-1 true')
  await asked.waitFor({ state: 'hidden' })
  await people[1].toggle('people')
  await people[1].page.getByText('Ich bin nicht mehr allein').click()
  await words('m-1 false')
  assert.equal(await asked.isVisible(), false)
  await people[1].page.getByText('Bei mir sind keine Dritten im Raum').last().click()
  await words('m-1 true')
  await people[1].toggle('people')
})

test('without a chair there is no code of the next epoch, and none after the call', { skip, timeout: 60_000 }, async () => {
  await people[0].page.click('[data-tool=leave]')
  await until('the wall has no code', async () => (await shown()) === '' && (await state()) === 'awaited')
  await people[1].page.click('[data-tool=leave]')
  await until('the wall speaks of no code', async () => (await wall.locator('.key').count()) === 0)
  for (const p of people) assert.deepEqual(p.faults.filter((f) => !/WebSocket/.test(f)), [])
})
