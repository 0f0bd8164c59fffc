// Builds the page's programs with the pinned esbuild, bit for bit the same everywhere:
//
//	node firmware/conference/client/build.mjs           writes dist/
//	node firmware/conference/client/build.mjs --check   fails unless dist/ is what the sources give
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'

export const here = path.dirname(fileURLToPath(import.meta.url))
const dist = path.join(here, 'dist')

// BUDGET is what the page's core may weigh, gzipped.
export const BUDGET = 300 * 1024

// Of ts-mls only two suites are used. What the others would load is left out of the bundle and fails if it is asked for.
const unused = ['@noble/curves/ed448.js', '@noble/curves/nist.js', '@noble/curves/ed25519.js', '@noble/post-quantum/ml-dsa.js',
  '@hpke/dhkem-x448', '@hpke/chacha20poly1305', '@noble/ciphers/chacha.js', '@hpke/ml-kem']
const leaveOut = {
  name: 'leave-out',
  setup (build) {
    build.onResolve({ filter: /^@(noble|hpke)\// }, (a) =>
      unused.includes(a.path) && a.importer.includes(`${path.sep}ts-mls${path.sep}`) ? { path: a.path, namespace: 'left-out' } : undefined)
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, (a) => ({ contents: `throw new Error(${JSON.stringify(`left out of the bundle: ${a.path}`)})` }))
  }
}

export const options = {
  bundle: true, format: 'esm', target: ['es2022'], charset: 'utf8', legalComments: 'none', logLevel: 'warning',
  absWorkingDir: here, plugins: [leaveOut]
}

async function build () {
  const r = await esbuild.build({
    ...options, entryPoints: { page: 'src/page.ts', worker: 'src/worker.ts' }, outdir: dist, minify: true, write: false, sourcemap: false
  })
  const files = new Map(r.outputFiles.map((f) => [path.basename(f.path), Buffer.from(f.contents)]))
  for (const name of ['client.css', 'index.html']) files.set(name, readFileSync(path.join(here, 'src', name)))
  files.set('SHA256SUMS', Buffer.from([...files].sort(([a], [b]) => a < b ? -1 : 1).map(([n, b]) => `${createHash('sha256').update(b).digest('hex')}  ${n}\n`).join('')))
  return files
}

// core bundles the modules without a page, for Node's tests, and returns where.
export async function core (outfile, entry = 'test/core.ts') {
  await esbuild.build({ ...options, entryPoints: [entry], outfile, platform: 'node', minify: false })
  return outfile
}

async function main () {
  const files = await build()
  const size = [...files].filter(([n]) => n !== 'SHA256SUMS').reduce((n, [, b]) => n + gzipSync(b, { level: 9 }).length, 0)
  console.log(`client: ${(size / 1024).toFixed(1)} kB gzipped, of ${BUDGET / 1024}`)
  if (size > BUDGET) throw new Error('client: the core is larger than its budget')
  if (process.argv.includes('--check')) {
    const there = existsSync(dist) ? readdirSync(dist).sort().join() : ''
    const differ = [...files].filter(([n, b]) => !existsSync(path.join(dist, n)) || !readFileSync(path.join(dist, n)).equals(b)).map(([n]) => n)
    if (differ.length > 0 || there !== [...files.keys()].sort().join()) {
      console.error(`client: dist is not what the sources give: ${differ.join(', ') || there}. Run: node firmware/conference/client/build.mjs`)
      process.exit(1)
    }
    return
  }
  rmSync(dist, { recursive: true, force: true })
  mkdirSync(dist, { recursive: true })
  for (const [name, bytes] of files) writeFileSync(path.join(dist, name), bytes)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
