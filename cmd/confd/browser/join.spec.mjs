// From joining to the first picture, on the built confd, in a call that runs: how long until who comes sees the others, and the
// others see them, judged by colour. Three sit in the call; the fourth comes again and again.
//
//	SUBROSA_JOINS  how often, default 30; "make nightly". The short test has two.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { absent, gather, launch, long, measured, Person } from '../../../firmware/conference/browser/people.mjs'
import { Confd } from './installed.mjs'
import { allSeen, mark, prepare, words } from './watch.mjs'

const skip = absent()
const joins = long ? 2 : Number(process.env.SUBROSA_JOINS ?? 30)
let server, browser, people

before(async () => {
  if (skip) return
  server = await Confd.start()
  browser = await launch()
  people = await gather(browser, server, 3, { prepare })
  for (const p of people) { await p.on('camera'); await p.on('microphone') }
  await allSeen(people, people)
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
})

// A browser may have one half and not the other: transforms of frames are older than the curves.
for (const [what, without] of [
  ['transforms of frames', () => { delete globalThis.RTCRtpScriptTransform }],
  ['X25519', () => {
    const real = SubtleCrypto.prototype.generateKey
    SubtleCrypto.prototype.generateKey = function (a, ...more) { return a.name === 'X25519' ? Promise.reject(new DOMException('no', 'NotSupportedError')) : real.call(this, a, ...more) }
  }]
]) {
  test(`a browser without ${what} is told so, and never asked for its devices`, { skip, timeout: 60_000 }, async () => {
    const context = await browser.newContext({ locale: 'de-DE' })
    try {
      await context.addInitScript(without)
      const page = await context.newPage()
      await page.goto(`${await server.enter(context, 'm-4')}?lang=de`)
      await page.getByText('Dieser Browser kann Bild und Ton nicht Ende-zu-Ende verschlüsseln').waitFor()
      assert.equal(await page.locator('#name').count(), 0)
    } finally { await context.close() }
  })
}

test('from joining to the first picture', { skip, timeout: 1_500_000 }, async () => {
  const [comer, others] = [[], []]
  for (let n = 0; n < joins; n++) {
    await mark(people)
    const p = await Person.come(browser, server, 3, { prepare })
    await p.page.evaluate(() => { document.querySelector('button.main').addEventListener('click', () => { window.joined = Date.now() }, { capture: true }) })
    await p.join()
    await people[0].admit() // a page anew without a passkey is another device: the chair presses each time
    const at = await p.page.evaluate(() => window.joined)
    comer.push((await allSeen([p], people, at))[0] - at)
    // a camera is off when somebody joins: from the moment that they turn it on
    const on = Date.now()
    await p.toggle('camera')
    others.push(Math.max(...await allSeen(people, [p], on)) - on)
    await p.toggle('leave')
    await p.page.waitForFunction(() => window.conference.phase === 'over')
    await p.close()
    for (const q of people) await q.inCall(3, 60_000)
  }
  const { dropped } = await server.figures()
  for (const why of ['plain', 'tag', 'leaf', 'counter']) assert.equal(dropped[why] ?? 0, 0, JSON.stringify(dropped))
  measured(`confd, joining a call of three: all pictures of the others ${words(comer)}`)
  measured(`confd, joining a call of three: all others see who came ${words(others)} after the camera was turned on`)
})
