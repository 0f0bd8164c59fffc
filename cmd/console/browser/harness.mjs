// The harness starts a program, waits for the link it prints, and opens Chromium on it.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, mkdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const chromiumPath = process.env.CHROMIUM ?? '/usr/bin/chromium'

// bin is the folder of the built programs.
export const bin = process.env.SUBROSA_BIN ?? fileURLToPath(new URL('../../../bin', import.meta.url))

// shots is where screenshots go: SUBROSA_SHOTS, or a folder of this run.
export const shots = process.env.SUBROSA_SHOTS ?? mkdtempSync(path.join(tmpdir(), 'subrosa-shots-'))
mkdirSync(shots, { recursive: true })

// absent returns why the browser test cannot run here, or false. With SUBROSA_MUST=1, as in "make test", that is an
// error: everything needed has been built and installed just before.
export function absent (...programs) {
  const need = [...programs.map((name) => path.join(bin, name)), chromiumPath]
  const missing = need.filter((file) => !existsSync(file))
  if (missing.length === 0) return false
  const why = `${missing.join(', ')}: not there; "make build" builds the programs, "make setup" installs Chromium`
  if (process.env.SUBROSA_MUST === '1') throw new Error(why)
  return why
}

// Program runs a program in a new state folder and keeps what it prints.
export class Program {
  constructor (name, ...args) {
    this.state = mkdtempSync(path.join(tmpdir(), 'subrosa-state-'))
    this.output = ''
    this.waiting = []
    this.child = spawn(path.join(bin, name), [...args, '--state', this.state], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text) => {
        this.output += text
        for (const look of [...this.waiting]) look()
      })
    }
    this.ended = new Promise((resolve) => {
      this.child.once('error', (err) => { this.output += `\n${err}\n`; resolve(-1) })
      this.child.once('exit', (code, signal) => resolve(code ?? signal))
    })
  }

  // match waits until the program has printed something that pattern finds, and returns the match.
  match (pattern, seconds = 60) {
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(timer)
        this.waiting = this.waiting.filter((l) => l !== look)
        settle(value)
      }
      const fail = (why) => done(reject, new Error(`${why} while waiting for ${pattern}; it printed:\n${this.output}`))
      const look = () => {
        const found = pattern.exec(this.output)
        if (found) done(resolve, found)
      }
      const timer = setTimeout(() => fail(`${seconds} s went by`), seconds * 1000)
      this.waiting.push(look)
      this.ended.then((code) => { look(); fail(`the program ended with ${code}`) })
      look()
    })
  }

  // stop ends the program as Ctrl-C would, and removes its state. It returns the exit code, or the signal that was
  // needed.
  async stop (seconds = 20) {
    this.child.kill('SIGINT')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), seconds * 1000)
    const code = await this.ended
    clearTimeout(timer)
    rmSync(this.state, { recursive: true, force: true })
    return code
  }
}

// launch starts Chromium. Its sandbox needs an ordinary user; root has none.
export function launch () {
  return chromium.launch({
    executablePath: chromiumPath,
    args: [
      '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', ...(process.getuid?.() === 0 ? ['--no-sandbox'] : [])
    ]
  })
}

// watch collects what a page must never do: fail, complain, or ask anyone but origin.
export function watch (page, origin) {
  const faults = []
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.origin !== origin && url.protocol !== 'data:') faults.push(`request to ${url.origin}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 500) faults.push(`${response.status()} from ${new URL(response.url()).pathname}`)
  })
  page.on('pageerror', (err) => faults.push(`script: ${err.message}`))
  page.on('console', (message) => { if (message.type() === 'error') faults.push(`console: ${message.text()}`) })
  return faults
}

// shoot takes a screenshot of the whole page.
export async function shoot (page, name) {
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true })
}

// sideways returns by how many pixels the page is wider than the window: nobody scrolls a page sideways on a phone.
export function sideways (page) {
  return page.evaluate(() => Math.max(0, document.scrollingElement.scrollWidth - window.innerWidth))
}
