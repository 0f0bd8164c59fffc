// A confidential session from the first link to the common room code, in Debian's Chromium on the built confd: passkeys set up by
// invitation, leaves bound by them, the chair lets a member in; who has no passkey stays outside.
//
//   SUBROSA_BIN    folder of the built programs, default ../../../../bin
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { absent, bin, launch, shoot } from '../../../../cmd/console/browser/harness.mjs'

const skip = absent('confd')
const people = {}
let work, confd, origin, link, browser
let output = ''

// freePort asks the system for a port; nobody else takes it between here and confd's start, or the test says so.
const freePort = () => new Promise((resolve) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)) }) })

before(async () => {
  if (skip) return
  work = mkdtempSync(path.join(tmpdir(), 'subrosa-confidential-'))
  const port = await freePort()
  origin = `http://localhost:${port}`
  writeFileSync(path.join(work, 'roster.csv'), 'id,role,devices,from,to\nm-chair,chair,,,\nm-clerk,clerk,,,\nm-17,councillor,,,\nm-18,councillor,,,\n')
  writeFileSync(path.join(work, 'conference.json'), JSON.stringify({
    id: 'konferenz', rooms: [{ id: 'ratssaal', name: 'Ratssaal', roster: 'roster.csv', level: 'confidential' }],
    listen: `127.0.0.1:${port}`, plain: true, media: '127.0.0.1:0', metrics: '', access: { url: origin, name: 'Konferenz Musterstadt' }
  }))
  const args = ['--config', path.join(work, 'conference.json'), '--state', path.join(work, 'state')]
  link = execFileSync(path.join(bin, 'confd'), [...args, '--first-invite', 'ratssaal']).toString().trim()
  confd = spawn(path.join(bin, 'confd'), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`confd does not come up:\n${output}`)), 30_000)
    for (const stream of [confd.stdout, confd.stderr]) {
      stream.on('data', (b) => { output += b; if (output.includes('conference runs')) { clearTimeout(timer); resolve() } })
    }
    confd.once('exit', () => reject(new Error(`confd ended:\n${output}`)))
  })
  browser = await launch()
}, { timeout: 120_000 })

after(async () => {
  await browser?.close()
  if (confd) {
    const ended = new Promise((resolve) => confd.once('exit', resolve))
    confd.kill('SIGINT')
    setTimeout(() => confd.kill('SIGKILL'), 15_000).unref()
    assert.equal(await ended, 0, `confd does not end cleanly:\n${output}`)
  }
  if (work) rmSync(work, { recursive: true, force: true })
})

function step (name, run) {
  test(name, { skip, timeout: 120_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const [who, p] of Object.entries(people)) {
        await shoot(p, `confidential-failed-${who}`).catch(() => {})
        err.message += `\n${who}: ${(await p.locator('body').innerText().catch(() => '')).slice(0, 400)}`
      }
      err.message += `\n${output.slice(-1500)}`
      throw err
    }
  })
}

const button = (page, name) => page.getByRole('button', { name, exact: true })

// person is a browser with an authenticator of its own.
async function person (who) {
  const context = await browser.newContext({ locale: 'de-DE', viewport: { width: 1100, height: 800 } })
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
  })
  people[who] = page
  return page
}

async function accept (page, to) {
  await page.goto(to)
  await button(page, 'Einladung annehmen').click()
  await page.waitForURL((u) => !u.pathname.endsWith('/invite'))
}

async function enrol (page, to) {
  await accept(page, to)
  await button(page, 'Passkey einrichten').click()
  await page.getByText('Einladungslink + Passkey').waitFor()
}

async function invite (member, purpose) {
  const page = people.clerk
  await page.goto(`${origin}/access/clerk?room=ratssaal`)
  await page.getByLabel('Für').selectOption(member)
  await page.getByLabel('Zweck').selectOption(purpose)
  await button(page, 'Link erstellen').click()
  return (await page.locator('#link').innerText()).trim()
}

async function join (page, name) {
  await page.getByRole('link', { name: 'Zur Konferenz' }).click()
  await page.getByLabel(/Ihr Name/).fill(name)
  await page.getByLabel(/keine Dritten/).check()
  await page.getByRole('button', { name: /[Bb]eitreten/ }).first().click()
}

const code = async (page) => (/Raumschlüssel\s+((?:\d{5}\s+){5}\d{5})/.exec(await page.locator('body').innerText()) ?? [])[1]?.replace(/\s+/g, ' ')

step('passkeys by invitation, the first one from the printed link', async () => {
  await enrol(await person('clerk'), link)
  await enrol(await person('chair'), await invite('m-chair', 'enrol'))
  await enrol(await person('member'), await invite('m-17', 'enrol'))
})

step('the chair begins, the member waits and is let in, and both have one room code', async () => {
  const { chair, member } = people
  await join(chair, 'Leitung')
  await chair.getByText('Raumschlüssel').first().waitFor()
  await join(member, 'Mitglied')
  await member.getByText('Sie sind im Vorraum').first().waitFor()
  await button(chair, 'Einlassen').click()
  const until = Date.now() + 30_000
  for (;;) {
    const [a, b] = [await code(chair), await code(member)]
    if (a !== undefined && a === b) break
    assert.ok(Date.now() < until, `room codes: chair ${a}, member ${b}`)
    await chair.waitForTimeout(200)
  }
  await shoot(member, 'confidential-member')
})

step('who was invited without a passkey is not let near it', async () => {
  const page = await person('weak')
  const to = await invite('m-18', 'join')
  await accept(page, to)
  await page.waitForURL(`${origin}/access/?room=ratssaal`) // the room sends back whom its level refuses
  await page.getByText(/ist ein Passkey nötig/).first().waitFor()
})

step('the journal has it all, and nobody by name or id', () => {
  const folder = path.join(work, 'state', 'journal')
  const text = readFileSync(path.join(folder, '00000000000000000001.jsonl'), 'utf8') + readFileSync(path.join(folder, '00000000000000000001.payloads'), 'utf8')
  for (const kind of ['invited', 'entered', 'enrolled', 'bound', 'checked']) assert.ok(text.includes(`"conference.${kind}"`), kind)
  assert.ok(text.includes('"proven":true'), 'no leaf was bound by a passkey')
  for (const secret of ['m-17', 'm-18', 'm-chair', 'm-clerk', 'Leitung', link.split('#')[1]]) assert.ok(!text.includes(secret), `the journal has ${secret}`)
})
