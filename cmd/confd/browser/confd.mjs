// serve runs the real confd of the tests (TestServe) with what env asks of it, for at most so many minutes.
import { execFileSync, spawn } from 'node:child_process'
import { X509Certificate, createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { root, tmp } from '../../../firmware/conference/browser/people.mjs'

const folder = fileURLToPath(new URL('..', import.meta.url))

// site makes a site as "subrosa site" does: its folder, and the hash of the key of the conference's certificate, by which Chromium takes it.
export function site () {
  const bin = process.env.SUBROSA_BIN ? path.join(process.env.SUBROSA_BIN, 'subrosa') : path.join(tmp, 'subrosa')
  if (!existsSync(bin)) execFileSync('go', ['build', '-o', bin, './cmd/subrosa'], { cwd: root, stdio: 'inherit' })
  const plan = path.join(tmp, 'plan.json')
  writeFileSync(plan, JSON.stringify({ name: 'Stadt Musterstadt', domain: 'raum.example', loopback: true, units: [{ id: 'ratssaal-1', room: 'ratssaal' }], confds: [{ id: 'konferenz', rooms: ['ratssaal'] }] }))
  execFileSync(bin, ['site', 'init', '--config', plan, '--state', path.join(tmp, 'site')], { stdio: ['ignore', 'ignore', 'inherit'] })
  const dir = path.join(tmp, 'site', 'site')
  const key = new X509Certificate(readFileSync(path.join(dir, 'confd', 'konferenz', 'cert.pem'))).publicKey.export({ type: 'spki', format: 'der' })
  return { dir, spki: createHash('sha256').update(key).digest('base64') }
}

export async function serve (env, minutes = 10) {
  const program = path.join(tmp, 'confd.test')
  execFileSync('go', ['test', '-c', '-o', program, '.'], { cwd: folder, stdio: 'inherit' })
  const child = spawn(program, ['-test.run', '^TestServe$', '-test.timeout', `${minutes}m`], { cwd: folder, env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const server = { output: '' }
  child.stderr.on('data', (b) => { server.output += b })
  server.url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (b) => { server.output += b; const m = /serving (https?:\S+)/.exec(server.output); if (m) resolve(m[1]) })
    child.once('exit', () => reject(new Error(`the server ended: ${server.output}`)))
  })
  server.wall = /wall (https?:\S+)/.exec(server.output)?.[1]
  server.stop = async () => {
    child.stdin.end('\n')
    await new Promise((resolve) => { child.once('exit', resolve); setTimeout(() => child.kill('SIGKILL'), 10_000).unref() })
  }
  return server
}
