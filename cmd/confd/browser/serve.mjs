// Serve runs the real confd of these tests (TestServe), with a room at a level.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { tmp } from '../../../firmware/conference/browser/people.mjs'

const folder = fileURLToPath(new URL('..', import.meta.url))

export async function serve (level) {
  const program = path.join(tmp, 'confd.test')
  if (!existsSync(program)) execFileSync('go', ['test', '-c', '-o', program, '.'], { cwd: folder, stdio: 'inherit' })
  const child = spawn(program, ['-test.run', '^TestServe$', '-test.timeout', '10m'], { cwd: folder, env: { ...process.env, SUBROSA_CONFD_SERVE: level }, stdio: ['pipe', 'pipe', 'pipe'] })
  const s = { output: '', url: '' }
  child.stderr.on('data', (b) => { s.output += b })
  s.url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (b) => { s.output += b; const m = /serving (http:\S+)/.exec(s.output); if (m) resolve(m[1]) })
    child.once('exit', () => reject(new Error(`the server ended: ${s.output}`)))
  })
  s.stop = async () => {
    child.stdin.end('\n')
    await new Promise((resolve) => { child.once('exit', resolve); setTimeout(() => child.kill('SIGKILL'), 10_000).unref() })
  }
  return s
}
