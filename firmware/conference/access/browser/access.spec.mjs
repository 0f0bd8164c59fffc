// The way into a conference as people see it, in Debian's Chromium with its virtual authenticator (WebAuthn domain of the DevTools
// protocol), and an OpenID provider that is not ours. The server is TestServe of the package above, on localhost.
//
//   SUBROSA_SHOTS  folder for screenshots, default a new one below the system's temporary folder
//   CHROMIUM       default /usr/bin/chromium
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { absent, launch, shoot, shots, sideways, watch } from '../../../../cmd/console/browser/harness.mjs'

const skip = absent()
const folder = fileURLToPath(new URL('..', import.meta.url))
let work, server, browser, origin, first, issuer, user, password
const people = {}

before(async () => {
  if (skip) return
  work = mkdtempSync(path.join(tmpdir(), 'subrosa-access-'))
  const program = path.join(work, 'access.test')
  execFileSync('go', ['test', '-c', '-o', program, '.'], { cwd: folder, stdio: 'inherit' })
  server = spawn(program, ['-test.run', '^TestServe$', '-test.timeout', '10m'], { cwd: folder, env: { ...process.env, SUBROSA_ACCESS_SERVE: '1' }, stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  server.stderr.on('data', (b) => { output += b })
  const line = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the server does not come up:\n${output}`)), 60_000)
    server.stdout.on('data', (b) => {
      output += b
      const found = /serving (\S+) first (\S+) issuer (\S+) user (\S+) password (\S+)/.exec(output)
      if (found) { clearTimeout(timer); resolve(found) }
    })
    server.once('exit', () => reject(new Error(`the server ended:\n${output}`)))
  });
  [, origin, first, issuer, user, password] = line
  browser = await launch()
}, { timeout: 300_000 })

after(async () => {
  await browser?.close()
  if (server) {
    server.stdin.end('\n')
    await new Promise((resolve) => { server.once('exit', resolve); setTimeout(() => server.kill('SIGKILL'), 10_000).unref() })
  }
  if (work) rmSync(work, { recursive: true, force: true })
  if (!skip) console.log(`screenshots: ${shots}`)
})

function step (name, run) {
  test(name, { skip, timeout: 120_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const [who, p] of Object.entries(people)) await shoot(p.page, `access-failed-${who}`).catch(() => {})
      throw err
    }
  })
}

// person is a browser of its own with an authenticator of its own.
async function person (who, options = {}) {
  const context = await browser.newContext({ locale: 'de-DE', viewport: { width: 900, height: 800 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const faults = watch(page, origin)
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
  })
  people[who] = { context, page, cdp, authenticatorId, faults }
  return people[who]
}

const button = (page, name) => page.getByRole('button', { name, exact: true })
const text = (page) => page.locator('main').innerText()
const post = (p) => fetch(origin + p, { method: 'POST' })
const told = async () => (await fetch(origin + '/test/told')).json()

async function accept (page, link) {
  await page.goto(link)
  await button(page, 'Einladung annehmen').click()
}

async function enrol (page) {
  await button(page, 'Passkey einrichten').click()
  await page.getByText('Einladungslink + Passkey').waitFor()
}

// invite makes an invitation on the clerk's page and returns its link.
async function invite (page, member, purpose) {
  await page.goto(`${origin}/access/clerk?room=ratssaal`)
  await page.getByLabel('Für').selectOption(member)
  await page.getByLabel('Zweck').selectOption(purpose)
  await button(page, 'Link erstellen').click()
  return (await page.locator('#link').innerText()).trim()
}

step('the first clerk sets up a passkey by the printed link, which works once', async () => {
  const { page } = await person('clerk')
  await accept(page, first)
  await page.getByRole('heading', { name: 'Ihr Zugang' }).waitFor()
  assert.match(await text(page), /Geschäftsstelle/)
  await shoot(page, 'access-set-up')
  await enrol(page)
  await page.getByRole('link', { name: 'Zur Konferenz' }).waitFor()
  assert.match(await text(page), /Einladungslink \+ Passkey/)
  await shoot(page, 'access-ready')
  const thief = await person('thief')
  await accept(thief.page, first)
  await thief.page.getByRole('alert').getByText(/Dieser Link gilt nicht: Er wurde schon benutzt/).waitFor()
  await shoot(thief.page, 'access-link-used')
  assert.deepEqual(thief.faults.filter((f) => !f.includes('403')), [])
})

step('the clerk makes an invitation: link behind the #, QR code, letter', async () => {
  const { page } = people.clerk
  await page.goto(`${origin}/access/clerk?room=ratssaal`)
  await shoot(page, 'access-clerk')
  people.link = await invite(page, 'm-17', 'enrol')
  assert.match(people.link, new RegExp(`^${origin}/access/invite#[\\w-]{43}$`))
  assert.match(await page.getByLabel('Text').inputValue(), /Der Link gilt ein einziges Mal/)
  assert.ok(await page.locator('img.qr').evaluate((i) => i.complete && i.naturalWidth > 100))
  await shoot(page, 'access-invitation')
})

step('a member sets up a passkey, signs out, and comes back by it', async () => {
  const { page } = await person('member', { viewport: { width: 390, height: 844 } })
  await accept(page, people.link)
  await enrol(page)
  assert.equal(await sideways(page), 0)
  await button(page, 'Abmelden').click()
  await page.getByRole('heading', { name: 'So melden Sie sich an' }).waitFor()
  await shoot(page, 'access-sign-in-phone')
  await button(page, 'Mit Passkey anmelden').click()
  await page.getByRole('link', { name: 'Zur Konferenz' }).click()
  assert.match(await page.locator('body').innerText(), /m-17 councillor may=true lobby=true/)
  const cookies = await page.context().cookies()
  assert.ok(cookies.every((c) => c.httpOnly && c.sameSite === 'Strict'), JSON.stringify(cookies))
  assert.deepEqual(people.member.faults, [])
})

step('a device that does not check the person is refused', async () => {
  const { page, cdp, authenticatorId } = people.member
  await page.goto(`${origin}/access/?room=ratssaal`)
  await button(page, 'Abmelden').click()
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await button(page, 'Mit Passkey anmelden').click()
  await page.getByRole('alert').getByText(/abgebrochen|nicht angenommen/).waitFor()
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
  await button(page, 'Mit Passkey anmelden').click()
  await page.getByRole('link', { name: 'Zur Konferenz' }).waitFor()
})

// verifyBinding is what a client does with WebCrypto alone, written from docs/conference-access.md.
async function verifyBinding ({ token, server, key }) {
  const raw = (s) => Uint8Array.from(atob(s.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
  const utf8 = (s) => new TextEncoder().encode(s)
  const join = (...parts) => { const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0)); let at = 0; for (const p of parts) { out.set(p, at); at += p.length } return out }
  const sha = async (b) => new Uint8Array(await crypto.subtle.digest('SHA-256', b))
  const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i])
  const [payload, signature, proofText] = token.split('.')
  const claimBytes = raw(payload)
  const claim = JSON.parse(new TextDecoder().decode(claimBytes))
  const serverKey = await crypto.subtle.importKey('raw', raw(server), 'Ed25519', false, ['verify'])
  const checks = { server: await crypto.subtle.verify('Ed25519', serverKey, raw(signature), join(utf8('subrosa binding v1\0'), claimBytes)), key: claim.key === key }
  const proof = JSON.parse(new TextDecoder().decode(raw(proofText)))
  const client = JSON.parse(new TextDecoder().decode(raw(proof.client)))
  checks.challenge = same(raw(client.challenge), await sha(join(utf8('subrosa passkey v1\0'), claimBytes)))
  checks.origin = client.origin === location.origin && client.type === 'webauthn.get' && !client.crossOrigin
  const auth = raw(proof.auth)
  checks.host = same(auth.slice(0, 32), await sha(utf8(location.hostname)))
  checks.flags = (auth[32] & 5) === 5
  const { kty, crv, x, y } = proof.key
  checks.thumbprint = same(await sha(utf8(JSON.stringify({ crv, kty, x, y }))), raw(claim.passkey))
  const passkey = await crypto.subtle.importKey('jwk', proof.key, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  checks.passkey = await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, passkey, raw(proof.sig), join(auth, await sha(raw(proof.client))))
  return { claim, checks, size: token.length }
}

step('the passkey signs the key of a leaf, and a browser can verify that by itself', async () => {
  const { page } = people.member
  const bound = await page.evaluate(async () => {
    const pair = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
    const key = btoa(String.fromCharCode(...new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey))))
    const ask = async (path, body) => (await fetch('/access/' + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ room: 'ratssaal', ...body }) })).json()
    const a = await ask('bind', { key })
    const cred = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(a.options) })
    const b = await ask('bound', { ceremony: a.ceremony, response: cred.toJSON() })
    return { token: b.binding, server: b.server, key }
  })
  const good = await page.evaluate(verifyBinding, bound)
  assert.equal(good.claim.member, 'm-17')
  assert.equal(good.claim.role, 'councillor')
  assert.deepEqual(Object.entries(good.checks).filter(([, ok]) => !ok), [])
  const [payload, ...rest] = bound.token.split('.')
  const forged = Buffer.from(payload, 'base64url').toString().replace('councillor', 'chair')
  const bad = await page.evaluate(verifyBinding, { ...bound, token: [Buffer.from(forged).toString('base64url'), ...rest].join('.') })
  assert.equal(bad.checks.server, false)
  assert.equal(bad.checks.challenge, false)
  console.log(`measured: a binding by Chromium's passkey has ${good.size} bytes`)
})

step('a passkey whose counter goes back is refused, and stays refused', async () => {
  const { page, cdp, authenticatorId } = people.member
  const { credentials: [cred] } = await cdp.send('WebAuthn.getCredentials', { authenticatorId })
  assert.ok(cred.signCount > 1, `counter ${cred.signCount}`)
  const again = async (signCount) => {
    await cdp.send('WebAuthn.clearCredentials', { authenticatorId })
    await cdp.send('WebAuthn.addCredential', { authenticatorId, credential: { ...cred, signCount } })
    await page.goto(`${origin}/access/?room=ratssaal`)
    if (await button(page, 'Abmelden').count()) {
      await button(page, 'Abmelden').click()
      await page.getByRole('heading', { name: 'So melden Sie sich an' }).waitFor()
    }
    await button(page, 'Mit Passkey anmelden').click()
  }
  for (const count of [1, 1000]) { // a copy from the past; then the original, too
    await again(count)
    await page.getByRole('alert').getByText(/Passkey wurde nicht angenommen/).waitFor()
  }
  assert.ok((await told()).journal.includes('conference.cloned'))
})

step('a lost device: the clerk recovers the member, the old passkey is nothing any more', async () => {
  const link = await invite(people.clerk.page, 'm-17', 'recover')
  const { page, cdp, authenticatorId } = people.member
  await cdp.send('WebAuthn.clearCredentials', { authenticatorId })
  await accept(page, link)
  await enrol(page)
  await page.getByRole('link', { name: 'Zur Konferenz' }).waitFor()
  assert.ok((await told()).journal.includes('conference.recovered'))
})

step('a one-time code in place of a passkey, by the chair\'s consent alone', async () => {
  const chair = await person('chair')
  await accept(chair.page, await invite(people.clerk.page, 'm-chair', 'enrol'))
  await enrol(chair.page)
  const { page } = await person('coder')
  await accept(page, await invite(people.clerk.page, 'm-18', 'enrol'))
  await page.getByText('Mein Gerät kann das nicht').click()
  await button(page, 'Einmalcode einrichten').click()
  await page.getByLabel('Code, den die App zeigt').waitFor()
  const secret = await page.locator('#secret').innerText()
  await shoot(page, 'access-code')
  await page.getByLabel('Code, den die App zeigt').fill(totp(secret))
  await button(page, 'Bestätigen').click()
  await page.getByText(/Ersatzweise genügt ein Einmalcode, wenn die Sitzungsleitung zustimmt/).first().waitFor()
  assert.equal(await page.getByRole('link', { name: 'Zur Konferenz' }).count(), 0)
  await people.clerk.page.goto(`${origin}/access/clerk?room=ratssaal`)
  assert.equal(await people.clerk.page.getByRole('button', { name: /^Zustimmen/ }).count(), 0, 'the clerk could consent')
  await chair.page.goto(`${origin}/access/clerk?room=ratssaal`)
  await chair.page.getByRole('button', { name: 'Zustimmen m-18' }).click()
  await chair.page.getByText('Die Entscheidung ist im Protokoll.').waitFor()
  await page.reload()
  await page.getByRole('link', { name: 'Zur Konferenz' }).waitFor()
  assert.ok((await told()).journal.includes('conference.consented'))
})

function totp (secret) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const mac = createHmac('sha1', key).update(step).digest()
  const at = mac[19] & 15
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

step('the city\'s sign-in, through the pages of another\'s OpenID provider', async () => {
  await post('/test/level/internal')
  const { page } = await person('staff')
  people.staff.faults.length = 0
  await page.goto(`${origin}/access/?room=ratssaal`)
  await page.getByRole('link', { name: 'Mit dem Dienstkonto anmelden' }).click()
  assert.equal(new URL(page.url()).origin, issuer)
  await page.locator('input[name=username]').fill(user)
  await page.locator('input[name=password]').fill(password)
  await page.locator('[type=submit]').click()
  await page.waitForURL(`${origin}/access/?room=ratssaal`)
  assert.match(await text(page), /Dienstkonto/)
  await page.getByRole('link', { name: 'Zur Konferenz' }).waitFor()
  assert.ok(!(await page.content()).includes(user), 'the page shows the name of the account')
  await post('/test/level/confidential')
  await page.reload()
  await page.getByText(/ist ein Passkey nötig/).first().waitFor()
  await shoot(page, 'access-needs-passkey')
})

step('who is taken off the roster is out at once', async () => {
  await post('/test/remove/m-17')
  const { page } = people.member
  await page.goto(`${origin}/room/ratssaal`)
  assert.match(await page.locator('body').innerText(), /may=false/)
  const { ended } = await told()
  assert.ok(ended.some((e) => e.Member === 'm-17' && e.Reason === 'roster'), JSON.stringify(ended))
  await page.goto(`${origin}/access/?room=ratssaal`)
  await page.getByRole('heading', { name: 'So melden Sie sich an' }).waitFor()
  await button(page, 'Mit Passkey anmelden').click()
  await page.getByRole('alert').getByText(/nicht auf der Teilnahmeliste/).waitFor()
})

step('another site cannot act in a signed-in browser, nor frame the pages', async () => {
  const { page } = people.clerk
  const evil = await people.clerk.context.newPage()
  await evil.goto(issuer + '/logged-out') // same browser, another origin
  const status = await evil.evaluate(async (to) => {
    const r = await fetch(to + '/access/leave', { method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}' }).catch((e) => e)
    return r.type ?? String(r)
  }, origin)
  await evil.close()
  await page.goto(`${origin}/access/clerk?room=ratssaal`)
  await page.getByRole('heading', { name: 'Neue Einladung' }).waitFor() // still signed in
  assert.match(status, /opaque|TypeError/)
})

step('in English, in the dark, and by keyboard', async () => {
  const { page } = await person('visitor', { locale: 'en-GB', colorScheme: 'dark', viewport: { width: 390, height: 844 } })
  await page.goto(`${origin}/access/?room=ratssaal`)
  await page.getByRole('heading', { name: 'How to sign in' }).waitFor()
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to content')
  assert.equal(await sideways(page), 0)
  await shoot(page, 'access-english-dark')
  await page.goto(`${origin}/access/invite`)
  await button(page, 'Accept the invitation').click()
  await page.getByLabel('The part of the link behind #').waitFor()
  for (const [who, p] of Object.entries(people)) {
    if (!p.faults || who === 'staff') continue // that one went to the provider
    assert.deepEqual(p.faults.filter((f) => !/status of 4/.test(f)), [], who)
  }
})
