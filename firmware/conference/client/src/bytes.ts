// Bytes: joining, comparing and spelling byte strings. Pure.

export type Bytes = Uint8Array<ArrayBuffer>

export function concat (...parts: Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0))
  let at = 0
  for (const p of parts) { all.set(p, at); at += p.length }
  return all
}

export function equal (a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let diff = 0
  for (let i = 0; i < a.length; i++) diff |= a[i]! ^ b[i]!
  return diff === 0
}

export const utf8 = (text: string): Bytes => new TextEncoder().encode(text) as Bytes

export function hex (b: Uint8Array): string {
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('')
}

export function fromHex (text: string): Bytes {
  if (text.length % 2 !== 0 || /[^0-9a-fA-F]/.test(text)) throw new Error('bytes: not hexadecimal')
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16))
}

function base64 (b: Uint8Array): string {
  let s = ''
  for (let i = 0; i < b.length; i += 0x8000) s += String.fromCharCode(...b.subarray(i, i + 0x8000))
  return btoa(s)
}

// toBase64 is the alphabet of RFC 4648, 4, with padding: what encoding/json of Go writes for bytes.
export const toBase64 = base64

export function fromBase64 (text: string): Bytes {
  const s = atob(text)
  const b = Uint8Array.from(s, (c) => c.charCodeAt(0))
  if (base64(b) !== text) throw new Error('bytes: base64 is not written canonically')
  return b
}

// toBase64url is the alphabet of RFC 4648, 5, without padding.
export function toBase64url (b: Uint8Array): string {
  return base64(b).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

export function fromBase64url (text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw new Error('bytes: not base64url')
  const b = fromBase64Loose(text.replaceAll('-', '+').replaceAll('_', '/'))
  if (toBase64url(b) !== text) throw new Error('bytes: base64url is not written canonically')
  return b
}

function fromBase64Loose (text: string): Bytes {
  return Uint8Array.from(atob(text + '='.repeat((4 - text.length % 4) % 4)), (c) => c.charCodeAt(0))
}

export function u16 (n: number): Bytes { return Uint8Array.of(n >>> 8 & 255, n & 255) }
export function u32 (n: number): Bytes { return Uint8Array.of(n >>> 24, n >>> 16 & 255, n >>> 8 & 255, n & 255) }

export function u64 (n: bigint): Bytes {
  const b = new Uint8Array(8)
  new DataView(b.buffer).setBigUint64(0, n)
  return b
}
