// Builds the page's programs with the pinned esbuild, bit for bit the same everywhere:
//
//	node firmware/conference/client/build.mjs           writes dist/
//	node firmware/conference/client/build.mjs --check   fails unless dist/ is what the sources give
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync, existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'

export const here = path.dirname(fileURLToPath(import.meta.url))
const dist = path.join(here, 'dist')

// BUDGET is what the page's core may weigh, gzipped.
export const BUDGET = 300 * 1024

// MODEL tells person from background; its package and, for the licence's text, another under the same licence are pinned. What lies
// in dist/blur is loaded when somebody wants their background hidden, and is no part of the core.
export const MODEL = 'selfie_segmentation_landscape.tflite'
const packages = path.join(here, '../../../node_modules')
const model = path.join(packages, '@mediapipe/selfie_segmentation')
const apache = path.join(packages, 'typescript/LICENSE.txt')

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
    ...options, entryPoints: { page: 'src/page.ts', worker: 'src/worker.ts', 'blur/background': 'src/backgroundworker.ts' }, outdir: dist, minify: true, write: false, sourcemap: false
  })
  const files = new Map(r.outputFiles.map((f) => [path.relative(dist, f.path), Buffer.from(f.contents)]))
  for (const name of ['client.css', 'index.html']) files.set(name, readFileSync(path.join(here, 'src', name)))
  files.set(`blur/${MODEL}`, readFileSync(path.join(model, MODEL)))
  files.set('blur/LICENSE.txt', Buffer.from(notice() + readFileSync(apache, 'utf8').replace(/\r\n/g, '\n')))
  files.set('SHA256SUMS', Buffer.from([...files].sort(([a], [b]) => a < b ? -1 : 1).map(([n, b]) => `${createHash('sha256').update(b).digest('hex')}  ${n}\n`).join('')))
  return files
}

function notice () {
  const { name, version, license } = JSON.parse(readFileSync(path.join(model, 'package.json'), 'utf8'))
  if (license !== 'Apache-2.0') throw new Error(`client: ${name} is under ${license}`)
  return `${MODEL}: the MediaPipe Authors, from ${name} ${version}, unchanged, under the Apache License, Version 2.0, which follows.\n\n`
}

// names lists the files of a folder and of those in it, as SHA256SUMS does.
const names = (dir, under = '') => readdirSync(dir).flatMap((n) => statSync(path.join(dir, n)).isDirectory() ? names(path.join(dir, n), `${under}${n}/`) : [under + n])

// core bundles the modules without a page, for Node's tests, and returns where.
export async function core (outfile, entry = 'test/core.ts') {
  await esbuild.build({ ...options, entryPoints: [entry], outfile, platform: 'node', minify: false })
  return outfile
}

async function main () {
  const files = await build()
  const weigh = (which) => [...files].filter(([n]) => n !== 'SHA256SUMS' && which(n)).reduce((n, [, b]) => n + gzipSync(b, { level: 9 }).length, 0)
  const size = weigh((n) => !n.startsWith('blur/'))
  console.log(`client: ${(size / 1024).toFixed(1)} kB gzipped, of ${BUDGET / 1024}; ${(weigh((n) => n.startsWith('blur/')) / 1024).toFixed(1)} kB more when a background is hidden`)
  console.log(`client: checksum ${createHash('sha256').update(files.get('SHA256SUMS')).digest('hex')}`)
  if (size > BUDGET) throw new Error('client: the core is larger than its budget')
  if (process.argv.includes('--check')) {
    const there = existsSync(dist) ? names(dist).sort().join() : ''
    const differ = [...files].filter(([n, b]) => !existsSync(path.join(dist, n)) || !readFileSync(path.join(dist, n)).equals(b)).map(([n]) => n)
    if (differ.length > 0 || there !== [...files.keys()].sort().join()) {
      console.error(`client: dist is not what the sources give: ${differ.join(', ') || there}. Run: node firmware/conference/client/build.mjs`)
      process.exit(1)
    }
    return
  }
  rmSync(dist, { recursive: true, force: true })
  mkdirSync(path.join(dist, 'blur'), { recursive: true })
  for (const [name, bytes] of files) writeFileSync(path.join(dist, name), bytes)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
