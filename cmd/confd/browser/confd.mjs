// serve runs the real confd of the tests (TestServe) with what env asks of it, for at most so many minutes.
import { execFileSync, spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { tmp } from '../../../firmware/conference/browser/people.mjs'

const folder = fileURLToPath(new URL('..', import.meta.url))

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
