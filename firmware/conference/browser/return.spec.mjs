// Coming back, and more people; long. Six judged by content, a late comer, a reload, twenty seconds without a network, a
// restart of the server, the chair gone and back.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Person, Server, absent, gather, launch, long, measured, meets, shots, until } from './people.mjs'

const skip = absent() || long
let server, browser, people = []

before(async () => {
  if (skip) return
  server = await Server.start()
  browser = await launch()
  people = await gather(browser, server, 5)
}, { timeout: 240_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
  if (!skip) console.log(`screenshots: ${shots}`)
})

function step (name, run) {
  test(name, { skip, timeout: 240_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const p of people) { await p.shoot(`failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.slice(-6).join(' | ')} ${(await p.page.locator('body').innerText().catch(() => '')).slice(0, 200)}` }
      err.message += `\n${server.output.slice(-1500)}`
      throw err
    }
  })
}

const inWorld = (p, q) => async () => (await p.page.evaluate(() => window.conference?.phase === 'in')) && (await p.code()) !== '' && (await p.code()) === (await q.code())

step('a late comer sees and is seen: six', async () => {
  for (const p of people) { await p.on('camera'); await p.on('microphone') }
  const late = await Person.come(browser, server, 5, { name: 'Person 5' })
  people.push(late)
  await late.join()
  const at = Date.now()
  await people[0].admit()
  const leaf = await people[0].leaf()
  await until('the first picture', async () => (await late.page.evaluate(() => window.conference?.phase === 'in')) && (await late.sees(leaf)) !== undefined)
  measured(`six: first picture ${Date.now() - at} ms after the chair let the last one in (six browsers' pages on one machine)`)
  await late.on('camera')
  await late.on('microphone')
  for (const p of people) for (const q of people) if (p !== q) await meets(p, q)
  await people[0].shoot('six')
})

step('a reload', async () => {
  const [a, , , , , last] = people
  await last.page.reload()
  await last.page.fill('#name', last.name)
  await last.page.check('input[name=alone]')
  const at = Date.now()
  await last.join()
  await a.admit() // a page anew has no passkey here
  await until('back', inWorld(last, a))
  measured(`back ${Date.now() - at} ms after joining again and the chair's press`)
  const leaf = await a.leaf()
  await until('picture', async () => (await last.sees(leaf)) !== undefined)
  await until('six again', async () => (await a.page.evaluate(() => window.conference.members.length)) === 6)
})

step('twenty seconds without the server: nothing is sent, nobody stands still, and all are back', async () => {
  const [a, b] = people
  server.child.kill('SIGSTOP')
  try {
    const leaf = await b.leaf()
    await until('the picture is blanked', async () => (await a.sees(leaf)) === undefined, 15_000)
    await a.page.getByText('Verbindung verloren').first().waitFor({ timeout: 20_000 })
    await a.shoot('lost')
    await new Promise((resolve) => setTimeout(resolve, 12_000))
  } finally {
    server.child.kill('SIGCONT')
  }
  const at = Date.now()
  for (const p of people) await until(`${p.name} is back`, inWorld(p, a), 40_000)
  await meets(a, b)
  measured(`all back ${Date.now() - at} ms after the network`)
})

step('the server restarts: nothing of a call is on its disk, the chair\'s device founds another group', async () => {
  const [a, b] = people
  const code = await a.code()
  await server.restart()
  const at = Date.now()
  await until('the chair is back', async () => (await a.page.evaluate(() => window.conference.phase === 'in' && window.conference.members.length >= 1)) && (await a.code()) !== code, 30_000)
  for (const p of people) await until(`${p.name} is back`, inWorld(p, a), 60_000)
  measured(`all back ${Date.now() - at} ms after the server, without anybody's doing`)
  await meets(a, b)
})

step('the chair is gone: the call goes on; back, it takes people in again', async () => {
  const [a, b, x] = people
  await a.context.setOffline(true)
  await a.close()
  await until('b and x are one world without the chair', async () => (await b.page.evaluate(() => window.conference.members.every((m) => m.role !== 'chair'))) && (await inWorld(x, b)()), 60_000)
  await meets(b, x)
  const chair = await Person.come(browser, server, 0, { role: 'chair', name: 'Person 0' })
  people[0] = chair
  await chair.join()
  const at = Date.now()
  for (const p of [b, x]) await until('one world again', async () => {
    if (await chair.page.evaluate(() => window.conference?.phase === 'in') && await chair.page.locator('.knocks button.main').count() > 0) await chair.admit().catch(() => {})
    return await inWorld(p, chair)()
  }, 60_000)
  measured(`the chair is back with all others ${Date.now() - at} ms after joining`)
  assert.equal(await chair.page.evaluate(() => window.conference.members.some((m) => m.role === 'chair')), true)
})
