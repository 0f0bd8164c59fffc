// The harness bundles the client's core for Node and loads it; Node 18 has WebCrypto, but not as a global.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { webcrypto } from 'node:crypto'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { core, here } from '../build.mjs'

globalThis.crypto ??= webcrypto

const dir = mkdtempSync(path.join(tmpdir(), 'subrosa-core-'))
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))

export const c = await import(pathToFileURL(await core(path.join(dir, 'core.mjs'))).href)

export const data = (name) => readFileSync(path.join(here, 'testdata', name), 'utf8')

// long says whether a test of more than some seconds is to be skipped.
export const long = process.env.SUBROSA_NIGHTLY ? false : 'long: make nightly'

export const measured = (text) => console.log(`measured: ${text}`)
