// SFrame (RFC 9605) with the cipher suites 4 and 5, AES-GCM with 128 or 256 bits and whole tags of 16 bytes. A call uses 5.
//
//	  0 1 2 3 4 5 6 7
//	 +-+-----+-+-----+----------+----------+--------------------+
//	 |X|  K  |Y|  C  | KID …    | CTR …    | ciphertext and tag |
//	 +-+-----+-+-----+----------+----------+--------------------+
//
// Strict: numbers are written in the fewest bytes (4.3), a tag is never shortened, and a key id names one key: nothing is
// ever tried with a second one, for AES-GCM does not commit to its key.
import { concat, u64, utf8, type Bytes } from './bytes'

export const TAG = 16

export interface Suite { id: 4 | 5, hash: 'SHA-256' | 'SHA-512', keyBytes: 16 | 32, digestBytes: 32 | 64 }

export const AES_128_GCM: Suite = { id: 4, hash: 'SHA-256', keyBytes: 16, digestBytes: 32 }
export const AES_256_GCM: Suite = { id: 5, hash: 'SHA-512', keyBytes: 32, digestBytes: 64 }

export interface Header { kid: bigint, ctr: bigint, length: number }

function minimal (n: bigint): Bytes {
  const all = u64(n)
  let at = 0
  while (at < 7 && all[at] === 0) at++
  return all.slice(at)
}

// encodeHeader writes a header (RFC 9605, 4.3).
export function encodeHeader (kid: bigint, ctr: bigint): Bytes {
  let config = 0
  let k: Bytes = new Uint8Array()
  let c: Bytes = new Uint8Array()
  if (kid < 8n) config |= Number(kid) << 4
  else { k = minimal(kid); config |= 0x80 | (k.length - 1) << 4 }
  if (ctr < 8n) config |= Number(ctr)
  else { c = minimal(ctr); config |= 0x08 | (c.length - 1) }
  return concat(Uint8Array.of(config), k, c)
}

// decodeHeader reads one, or returns undefined if it is cut off or not written in the fewest bytes.
export function decodeHeader (b: Uint8Array): Header | undefined {
  const config = b[0]
  if (config === undefined) return undefined
  let at = 1
  const number = (long: boolean, bits: number): bigint | undefined => {
    if (!long) return BigInt(bits)
    const n = bits + 1
    if (at + n > b.length) return undefined
    let [high, low] = [0, 0] // plain numbers: this runs for every frame, and a bigint for every byte would cost more than the rest
    for (let i = 0; i < n; i++) {
      if (i < n - 4) high = high * 256 + b[at + i]!
      else low = low * 256 + b[at + i]!
    }
    const short = n === 1 ? low < 8 : b[at] === 0
    at += n
    if (short) return undefined
    return high === 0 ? BigInt(low) : BigInt(high) << 32n | BigInt(low)
  }
  const kid = number((config & 0x80) !== 0, config >>> 4 & 7)
  if (kid === undefined) return undefined
  const ctr = number((config & 0x08) !== 0, config & 7)
  if (ctr === undefined) return undefined
  return { kid, ctr, length: at }
}

export interface Key { suite: Suite, kid: bigint, key: CryptoKey, salt: Bytes }

// deriveSecrets computes key and salt (RFC 9605, 4.4.2).
export async function deriveSecrets (suite: Suite, kid: bigint, base: Uint8Array): Promise<{ key: Bytes, salt: Bytes }> {
  const hkdf = await crypto.subtle.importKey('raw', base as Bytes, 'HKDF', false, ['deriveBits'])
  const expand = async (label: string, bytes: number): Promise<Bytes> => {
    const info = concat(utf8(label), u64(kid), Uint8Array.of(0, suite.id))
    return new Uint8Array(await crypto.subtle.deriveBits({ name: 'HKDF', hash: suite.hash, salt: new Uint8Array(), info }, hkdf, bytes * 8))
  }
  return { key: await expand('SFrame 1.0 Secret key ', suite.keyBytes), salt: await expand('SFrame 1.0 Secret salt ', 12) }
}

// deriveKey returns the key for a key id. It cannot be exported again.
export async function deriveKey (suite: Suite, kid: bigint, base: Uint8Array): Promise<Key> {
  const { key, salt } = await deriveSecrets(suite, kid, base)
  const imported = await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])
  key.fill(0)
  return { suite, kid, key: imported, salt }
}

function nonce (salt: Bytes, ctr: bigint): Bytes {
  const n = salt.slice()
  const c = u64(ctr)
  for (let i = 0; i < 8; i++) n[4 + i]! ^= c[i]!
  return n
}

// seal encrypts; ctr must never come twice with the same key, which is the caller's business (frames.ts).
export async function seal (k: Key, ctr: bigint, metadata: Uint8Array, plain: Uint8Array): Promise<Bytes> {
  const header = encodeHeader(k.kid, ctr)
  const sealed = await crypto.subtle.encrypt(
    { name: 'AES-GCM', iv: nonce(k.salt, ctr), additionalData: concat(header, metadata), tagLength: TAG * 8 }, k.key, plain as Bytes)
  return concat(header, new Uint8Array(sealed))
}

// open decrypts, or returns undefined if anything at all was changed.
export async function open (k: Key, h: Header, metadata: Uint8Array, frame: Uint8Array): Promise<Bytes | undefined> {
  if (h.kid !== k.kid || frame.length < h.length + TAG) return undefined
  try {
    return new Uint8Array(await crypto.subtle.decrypt(
      { name: 'AES-GCM', iv: nonce(k.salt, h.ctr), additionalData: concat(frame.subarray(0, h.length), metadata), tagLength: TAG * 8 },
      k.key, frame.subarray(h.length) as Bytes))
  } catch {
    return undefined
  }
}
