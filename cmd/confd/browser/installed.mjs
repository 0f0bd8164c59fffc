// The built confd for browser tests, on loopback, with a configuration and a state folder of its own: ended by signals and
// started again like at an installation. Its people have the logins that single-use links gave them (sign_in_test.go).
//
//	SUBROSA_BIN  folder of the built programs; without it confd is built here
import { execFileSync, spawn } from 'node:child_process'
import { X509Certificate, createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import path from 'node:path'
import { root, tmp } from '../../../firmware/conference/browser/people.mjs'

const folder = fileURLToPath(new URL('..', import.meta.url))
const roles = ['chair', 'clerk', 'councillor', 'councillor', 'councillor', 'councillor']

// freePort asks the system for a port; nobody else takes it between here and confd's start, or the test says so.
const freePort = () => new Promise((resolve) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)) }) })

const kill = (child, signal, ms = 15_000) => new Promise((resolve) => {
  child.once('exit', (code) => { clearTimeout(late); resolve(code) })
  const late = setTimeout(() => child.kill('SIGKILL'), ms)
  child.kill(signal)
})

// program returns the path of the program or, with test, of the package's test binary.
function program (test) {
  if (!test && process.env.SUBROSA_BIN) return path.join(process.env.SUBROSA_BIN, 'confd')
  const out = path.join(tmp, test ? 'confd.test' : 'confd')
  if (!existsSync(out)) execFileSync('go', test ? ['test', '-c', '-o', out, '.'] : ['build', '-trimpath', '-o', out, '.'], { cwd: folder, stdio: 'inherit' })
  return out
}

export class Confd {
  // start with more of a configuration: keys of docs/conference-server.md. level is the room's. With tls the pages are at
  // https://localhost, by a certificate that signs itself: browsers have to be told to take it, see spki. With everywhere, media come by all interfaces.
  static async start ({ level = 'internal', tls = false, everywhere = false, ...more } = {}) {
    const s = new Confd()
    s.work = mkdtempSync(path.join(tmp, 'confd-'))
    const [port, media, metrics] = [await freePort(), await freePort(), await freePort()]
    Object.assign(s, { url: `${tls ? 'https' : 'http'}://localhost:${port}`, media, output: '', base: `http://127.0.0.1:${metrics}` })
    s.roster()
    s.config({
      id: 'konferenz', ...(tls ? s.certificate() : { plain: true }), listen: `127.0.0.1:${port}`, media: `${everywhere ? '' : '127.0.0.1'}:${media}`, metrics: `127.0.0.1:${metrics}`,
      rooms: [{ id: 'ratssaal', name: 'Ratssaal', roster: 'roster.csv', level }], access: { url: s.url, name: 'Konferenz Musterstadt' }, ...more
    })
    s.cookies = s.signIn()
    await s.run()
    return s
  }

  // roster writes the list beside its place and renames it over, without those named: also while the program runs.
  roster (...without) {
    const file = path.join(this.work, 'roster.csv')
    writeFileSync(`${file}.new`, 'id,role,devices,from,to\n' + roles.map((r, i) => without.includes(`m-${i}`) ? '' : `m-${i},${r},,,\n`).join(''))
    renameSync(`${file}.new`, file)
  }

  // certificate makes one, and spki, the hash of its key by which Chromium takes it.
  certificate () {
    const [cert, key] = ['page.crt', 'page.key'].map((f) => path.join(this.work, f))
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' })
    const der = new X509Certificate(readFileSync(cert)).publicKey.export({ type: 'spki', format: 'der' })
    this.spki = createHash('sha256').update(der).digest('base64')
    return { page_cert: cert, page_key: key }
  }

  // firstInvite is the link of the first who may invite others.
  firstInvite () { return execFileSync(program(false), ['--config', this.file, '--state', this.state, '--first-invite', 'ratssaal']).toString().trim() }

  config (c) {
    this.file = path.join(this.work, 'conference.json')
    writeFileSync(this.file, JSON.stringify(c))
  }

  get state () { return path.join(this.work, 'state') }

  signIn () {
    const out = execFileSync(program(true), ['-test.run', '^TestSignIn$'], { cwd: folder, env: { ...process.env, SUBROSA_CONFD_SIGN_IN: this.file, SUBROSA_CONFD_STATE: this.state } }).toString()
    return new Map(out.split('\n').filter((l) => l.startsWith('{')).map((l) => { const c = JSON.parse(l); return [c.member, c] }))
  }

  // run starts the program, unsealed where this kernel cannot seal it.
  async run () {
    const args = ['--config', this.file, '--state', this.state, ...(this.unsealed ? ['--unsealed'] : [])]
    this.child = spawn(program(false), args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const from = this.output.length
    const up = await new Promise((resolve, reject) => {
      this.child.stderr.on('data', (b) => { this.output += b; if (this.output.includes('conference runs', from)) resolve(true) })
      this.child.once('exit', () => {
        if (!this.unsealed && this.output.includes('cannot be sealed', from)) resolve(false)
        else reject(new Error(`confd ended: ${this.output}`))
      })
    })
    if (up) return
    this.unsealed = true
    await this.run()
  }

  // restart ends the program with a signal and starts it again on the same state; it returns when it answers.
  async restart (signal) {
    await kill(this.child, signal)
    await this.run()
  }

  // enter gives a browser context a member's login, and returns the address of the room.
  async enter (context, member) {
    const { name, value } = this.cookies.get(member)
    await context.addCookies([{ name, value, url: this.url, httpOnly: true, secure: this.url.startsWith('https:'), sameSite: 'Strict' }])
    return `${this.url}/room/ratssaal`
  }

  // figures are the counters of media, with what the tripwire dropped by why.
  async figures () {
    const text = await (await fetch(`${this.base}/metrics`)).text()
    const one = (name) => Number(new RegExp(`^subrosa_conference_packets_${name}_total (\\S+)`, 'm').exec(text)?.[1] ?? NaN)
    const dropped = Object.fromEntries([...text.matchAll(/^subrosa_conference_packets_dropped_total\{why="([^"]+)"\} (\S+)/gm)].map((m) => [m[1], Number(m[2])]).filter(([, n]) => n > 0))
    return { in: one('in'), out: one('out'), dropped }
  }

  async stop () {
    await kill(this.child, 'SIGTERM')
    rmSync(this.work, { recursive: true, force: true })
  }
}
