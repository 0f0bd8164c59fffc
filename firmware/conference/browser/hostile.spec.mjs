// Servers and members that are not honest, in real browsers; long. The hostile member's page is the same source with its rules
// taken out: it keeps every key that it ever had, ignores its removal, and tries its old keys on what comes, one after the other.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import * as esbuild from 'esbuild'
import { here, options } from '../client/build.mjs'
import { Person, Server, absent, gather, launch, long, measured, meets, near, shots, tmp, until } from './people.mjs'

const skip = absent() || long
const other = path.join(tmp, 'other')
let server, browser, people = []

// swap replaces a piece of source that must be there once: the hostile page stays a change of ours.
const swaps = {
  'call.ts': [
    ["if (turn.out) { this.#end('removed', { de: '', en: '' }); return }", 'if (turn.out) { window.out = true; return }'],
    ["      case 'ended':\n", "      case 'ended': break\n      case 'nothing' as 'ended':\n"]
  ],
  'frames.ts': [
    ['  drop (): void { this.#current = this.#previous = undefined }', '  drop (): void {}'],
    ['    const key = this.#current?.keys.get(kid)\n    if (key !== undefined) return key\n', `    const { all } = Keyring
    const key = all.find((k) => k.kid === kid) ?? all[all.length - 1 - (Keyring.at++ % Math.max(1, all.length))]
    if (true) return key && { ...key, kid }
`],
    ['  add (key: Key): boolean {\n', '  static all: Key[] = [] // kept, and the only ones that frames are opened with\n  static at = 0\n  add (key: Key): boolean {\n    Keyring.all.push(key)\n']
  ],
  'worker.ts': [["scope.postMessage({ type: 'counts', tracks:", "scope.postMessage({ type: 'counts', kept: (ring.constructor as unknown as { all: unknown[] }).all.length, tracks:"]],
  'media.ts': [["else if (m.type === 'counts') ", "else if (m.type === 'counts') { window.kept = (m as unknown as { kept: number }).kept }\n    if (m.type === 'counts') "]],
  'trusted.ts': [["'/client/worker.js'", "'/other/worker.js'"]],
  'page.ts': [["workerUrl: '/client/worker.js'", "workerUrl: '/other/worker.js'"]]
}

async function hostileBuild () {
  mkdirSync(other, { recursive: true })
  const used = new Set()
  const change = {
    name: 'hostile',
    setup (build) {
      build.onLoad({ filter: /client\/src\/\w+\.ts$/ }, (a) => {
        const name = path.basename(a.path)
        let text = readFileSync(a.path, 'utf8')
        for (const [from, to] of swaps[name] ?? []) {
          assert.equal(text.split(from).length, 2, `${name} has not once: ${from}`)
          text = text.replace(from, () => to)
          used.add(from)
        }
        return { contents: text, loader: 'ts' }
      })
    }
  }
  await esbuild.build({ ...options, plugins: [...options.plugins, change], entryPoints: { page: 'src/page.ts', worker: 'src/worker.ts' }, outdir: other })
  assert.equal(used.size, Object.values(swaps).flat().length)
  writeFileSync(path.join(other, 'index.html'), readFileSync(path.join(here, 'src/index.html'), 'utf8').replaceAll('/client/page.js', '/other/page.js'))
}

// not long: a hostile page that is no change of ours any more proves nothing
test('the hostile page is this page with its rules taken out', hostileBuild)

before(async () => {
  if (skip) return
  await hostileBuild()
  server = await Server.start('--client', other)
  browser = await launch()
  people = await gather(browser, server, 2)
  const ex = await Person.come(browser, server, 2, { other: true, name: 'Person 2' })
  people.push(ex)
  await ex.join()
  await people[0].admit()
  for (const p of people) await p.inCall(3)
  for (const p of people) { await p.on('camera'); await p.on('microphone') }
  for (const p of people) for (const q of people) if (p !== q) await meets(p, q)
}, { timeout: 240_000 })

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
      for (const p of people) { await p.shoot(`failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.slice(-8).join(' | ')}` }
      err.message += `\n${server.output.slice(-1500)}`
      throw err
    }
  })
}

// during has the server do something to b's tracks and waits until a has refused frames of it, has said so, and shows or
// hears only what is b's.
async function during (what, evil, saying, picture) {
  const [a, b] = people
  const leaf = await b.leaf()
  const before = await a.counts(leaf)
  await server.evil(evil)
  await until(`${what}: refused`, async () => (await a.counts(leaf)).refused > before.refused + 5)
  await until(`${what}: said`, async () => (await a.notes()).some((n) => saying.test(n)))
  for (let i = 0; i < 10; i++) {
    const seen = await a.sees(leaf)
    assert.ok(seen === undefined || near(seen.colour, b.colour, 60), `${what}: shows ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  if (picture === 'blank') await until(`${what}: blanked`, async () => (await a.sees(leaf)) === undefined)
  await a.shoot(what)
  const { injected } = await server.figures()
  const after = await a.counts(leaf)
  measured(`${what}: ${injected} packets on a's m-lines, ${after.refused - before.refused} camera frames refused, ${after.ok - before.ok} true ones opened`)
  await server.evil({})
  await until(`${what}: back`, async () => near((await a.sees(leaf))?.colour, b.colour))
}

step('a server that puts in plaintext', () => during('plaintext', { Plain: 'm-1' }, /unverschlüsselt/, 'blank'))
step('a server that tampers', () => during('tampering', { Tamper: 'm-1' }, /verändert/, 'blank'))
step('a server that gives one person\'s frames for another\'s', () => during('mixing', { Swap: 'm-2' }, /von jemand anderem/, 'blank'))
step('a server that replays', () => during('replay', { Replay: 'm-1' }, /wiederholt|verändert/))

step('a server that withholds: no picture stands still', async () => {
  const [a, b] = people
  const leaf = await b.leaf()
  await server.evil({ Withhold: 'm-1' })
  const at = Date.now()
  await until('the picture is blanked', async () => (await a.sees(leaf)) === undefined)
  measured(`a withheld picture is blanked after ${Date.now() - at} ms`)
  await a.page.getByText('Kein Bild. Es kommt nichts Gültiges an.').waitFor()
  await server.evil({})
  await until('back', async () => near((await a.sees(leaf))?.colour, b.colour))
})

step('a removed member with every key, and a server that goes on sending to it: 0 frames', async () => {
  const [a, b, ex] = people
  const exLeaf = await ex.leaf()
  const sum = () => ex.page.evaluate(() => window.conference.tracks.map((t) => ({ ok: t.ok, refused: t.refused })))
  const code = await a.code()
  // it opens frames with nothing but the keys it keeps: those that it has do open
  const held = await ex.page.evaluate(() => window.kept)
  const opened = (await sum()).reduce((n, t) => n + t.ok, 0)
  assert.ok(held >= 3 && opened > 100, `${held} keys kept, ${opened} frames opened with them`)
  await server.evil({ Keep: true })
  await a.page.evaluate((leaf) => window.conference.remove(leaf), exLeaf)
  for (const p of [a, b]) await p.inCall(2)
  await ex.page.waitForFunction(() => window.out === true)
  await until('another code', async () => (await a.code()) !== code && (await a.code()) === (await b.code()))
  await new Promise((resolve) => setTimeout(resolve, 1500)) // what was on its way has arrived and been counted
  const before = await sum()
  const kept = (await server.figures()).kept['m-2']
  await new Promise((resolve) => setTimeout(resolve, 8000))
  const after = await sum()
  const packets = (await server.figures()).kept['m-2'] - kept
  const refused = after.reduce((n, t) => n + t.refused, 0) - before.reduce((n, t) => n + t.refused, 0)
  measured(`after the removal ${packets} packets reached the ex-member in 8 s; of ${refused} frames, tried with the ${await ex.page.evaluate(() => window.kept)} keys that it kept, ${after.reduce((n, t) => n + t.ok, 0) - before.reduce((n, t) => n + t.ok, 0)} opened`)
  assert.ok(packets > 400 && refused > 300, `${packets} packets, ${refused} frames`)
  assert.deepEqual(after.map((t) => t.ok), before.map((t) => t.ok))
  assert.equal(await ex.code(), code, 'it stays in its old world')
  // to the others there is no such member any more
  assert.equal(await a.page.locator(`.tile[data-leaf="${exLeaf}"]`).count(), 0)
  await meets(a, b)
  await meets(b, a)
  await server.evil({})
})

step('a server that withholds a commit: two worlds, two codes, nothing opens between them', async () => {
  const [a, b] = people
  const late = await Person.come(browser, server, 3, { name: 'Person 3' })
  people.push(late)
  await server.evil({ Commits: 'm-1' })
  await late.join()
  await a.admit()
  await a.inCall(3)
  await late.inCall(3)
  assert.notEqual(await b.code(), await a.code())
  const leaf = await b.leaf()
  await until('what b sends with the old keys opens for nobody', async () => (await a.sees(leaf)) === undefined)
  await b.shoot('withheld')
  await server.evil({})
})

step('a server that reorders commits: refused, said, nothing sent, and a way back', async () => {
  const [a, b] = people
  await b.page.reload()
  await b.page.fill('#name', b.name)
  await b.page.check('input[name=alone]')
  await b.join()
  await a.admit() // a page anew has no passkey here
  await until('b is back', async () => (await b.page.evaluate(() => window.conference?.phase === 'in')) && (await b.code()) === (await a.code()))
  await server.evil({ Reorder: 'm-1' })
  await a.page.evaluate((leaf) => window.conference.remove(leaf), await people[3].leaf())
  const last = await Person.come(browser, server, 4, { name: 'Person 4' })
  people.push(last)
  await last.join()
  await a.admit()
  await until('b says that it refused', async () => (await server.figures()).notes?.some((n) => n.startsWith('stuck')), 40_000)
  await until('b is back in the same world', async () => (await b.page.evaluate(() => window.conference?.phase === 'in' && !window.conference.stuck)) && (await b.code()) !== '' && (await b.code()) === (await a.code()), 40_000)
})
