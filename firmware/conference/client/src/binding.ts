// Bindings tie a leaf's signature key to who holds it; admissions are the word of the chair's device. The other half, with
// the drawing and what each proves, is firmware/conference/binding (Go), whose test vectors run here too.
import { concat, equal, fromBase64, fromBase64url, hex, toBase64, toBase64url, utf8, type Bytes } from './bytes'
import type { Identity, Judge } from './group'
import { Refusal } from './refusal'

const MAX_LIFE = 12 * 3600
// MAX_ADMISSION is how long a chair's word holds, in seconds.
export const MAX_ADMISSION = 600
const SKEW = 120
const MAX_TOKEN = 4096
const GROUP = 16 // bytes of a group's id

export type Level = 'public' | 'internal' | 'nonpublic' | 'confidential'

export interface Claim {
  v: number, room: string, member: string, role: string, factors: string[], key: Bytes
  from: number, to: number, nonce: Bytes, passkey: Bytes | null
}

interface Jwk { kty: string, crv?: string, x?: string, y?: string, n?: string, e?: string }
interface Proof { key: Jwk, auth: Bytes, client: Bytes, sig: Bytes }

export interface Want { server: Uint8Array, room: string, key: Uint8Array, origin: string, level: Level, now: number }

const roles = ['chair', 'clerk', 'councillor', 'staff', 'guest', 'interpreter', 'gateway', 'room'] // those of firmware/roster
const factors = ['invite', 'sso', 'sso-strong', 'passkey', 'totp', 'certificate']
const id = /^[a-z0-9-]{1,32}$/

function ask (ok: boolean, word: ConstructorParameters<typeof Refusal>[0], text: string): asserts ok {
  if (!ok) throw new Refusal(word, text)
}

// object parses JSON whose keys are exactly these, in this order: what Go writes, byte for byte (checked by the caller).
function object (raw: Uint8Array, keys: string[], optional: string[] = []): Record<string, unknown> {
  let v: unknown
  try { v = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw)) } catch { v = undefined }
  ask(typeof v === 'object' && v !== null && !Array.isArray(v), 'form', 'not a JSON object')
  const got = Object.keys(v)
  ask(got.every((k) => keys.includes(k) || optional.includes(k)) && keys.every((k) => got.includes(k)), 'form', `keys ${got.join()}`)
  return v as Record<string, unknown>
}

const bytes = (v: unknown): Bytes => {
  ask(typeof v === 'string', 'form', 'bytes are no text')
  try { return fromBase64(v) } catch { throw new Refusal('form', 'bytes are not base64') }
}
const part = (v: string | undefined): Bytes => {
  try { return fromBase64url(v ?? '!') } catch { throw new Refusal('form', 'a part is not base64url') }
}

async function ed25519 (key: Uint8Array, message: Uint8Array, sig: Uint8Array): Promise<boolean> {
  if (key.length !== 32 || sig.length !== 64) return false
  const k = await crypto.subtle.importKey('raw', key as Bytes, 'Ed25519', false, ['verify'])
  return await crypto.subtle.verify('Ed25519', k, sig as Bytes, message as Bytes)
}

const sha256 = async (b: Uint8Array): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest('SHA-256', b as Bytes))

function decodeClaim (raw: Bytes): Claim {
  const o = object(raw, ['v', 'room', 'member', 'role', 'factors', 'key', 'from', 'to', 'nonce', 'passkey'])
  const c: Claim = {
    v: o.v as number, room: o.room as string, member: o.member as string, role: o.role as string, factors: o.factors as string[],
    key: bytes(o.key), from: o.from as number, to: o.to as number, nonce: bytes(o.nonce), passkey: o.passkey === null ? null : bytes(o.passkey)
  }
  const canonical = JSON.stringify({ ...c, key: toBase64(c.key), nonce: toBase64(c.nonce), passkey: c.passkey && toBase64(c.passkey) })
  ask(equal(utf8(canonical), raw), 'form', 'the claim is not written canonically')
  ask(c.v === 1 && typeof c.room === 'string' && id.test(c.room) && typeof c.member === 'string' && id.test(c.member), 'form', 'version, room or member')
  ask(roles.includes(c.role), 'form', 'role')
  ask(Array.isArray(c.factors) && c.factors.length > 0 && c.factors.length <= 8 && c.factors.every((f) => factors.includes(f)), 'form', 'factors')
  ask(c.key.length === 32 && c.nonce.length === 16 && (c.passkey === null || c.passkey.length === 32), 'form', 'lengths')
  ask(Number.isSafeInteger(c.from) && Number.isSafeInteger(c.to) && c.from >= 0 && c.to > c.from && c.to - c.from <= MAX_LIFE, 'form', 'times')
  return c
}

function decodeProof (raw: Bytes): Proof {
  const o = object(raw, ['key', 'auth', 'client', 'sig'])
  const k = object(utf8(JSON.stringify(o.key)), ['kty'], ['crv', 'x', 'y', 'n', 'e']) as unknown as Jwk
  return { key: k, auth: bytes(o.auth), client: bytes(o.client), sig: bytes(o.sig) }
}

async function thumbprint (k: Jwk): Promise<Bytes> {
  const text = k.kty === 'EC'
    ? JSON.stringify({ crv: k.crv, kty: k.kty, x: k.x, y: k.y })
    : k.kty === 'OKP' ? JSON.stringify({ crv: k.crv, kty: k.kty, x: k.x }) : JSON.stringify({ e: k.e, kty: k.kty, n: k.n })
  return await sha256(utf8(text))
}

// checkProof is that of WebAuthn level 3, 7.2: the passkey has signed this claim, on this page, with its person verified.
async function checkProof (p: Proof, payload: Bytes, passkey: Bytes, origin: string): Promise<void> {
  let client: { type?: unknown, challenge?: unknown, origin?: unknown, crossOrigin?: unknown }
  try { client = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(p.client)) } catch { throw new Refusal('passkey', 'client data') }
  const bad = (why: string): Refusal => new Refusal('passkey', `the passkey's proof does not verify: ${why}`)
  const challenge = toBase64url(await sha256(concat(utf8('subrosa passkey v1\0'), payload)))
  if (client.type !== 'webauthn.get') throw bad('it is no sign-in')
  if (client.challenge !== challenge) throw bad('another claim was signed')
  if (origin === '' || client.origin !== origin || (client.crossOrigin ?? false) !== false) throw bad('it was made on another page')
  if (p.auth.length < 37 || !equal(p.auth.subarray(0, 32), await sha256(utf8(new URL(origin).hostname)))) throw bad('it was made for another name')
  if ((p.auth[32]! & 5) !== 5) throw bad('the device did not check the person')
  if (!equal(await thumbprint(p.key), passkey)) throw bad('it is another passkey')
  const message = concat(p.auth, await sha256(p.client))
  const kinds: Record<string, [AlgorithmIdentifier | RsaHashedImportParams | EcKeyImportParams, AlgorithmIdentifier | EcdsaParams]> = {
    EC: [{ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }],
    OKP: [{ name: 'Ed25519' }, { name: 'Ed25519' }],
    RSA: [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, { name: 'RSASSA-PKCS1-v1_5' }]
  }
  const kind = kinds[p.key.kty]
  if (kind === undefined) throw bad('its key is of another sort')
  let ok = false
  try {
    const key = await crypto.subtle.importKey('jwk', { ...p.key, ext: true }, kind[0], false, ['verify'])
    const weak = p.key.kty === 'RSA' && (key.algorithm as RsaKeyAlgorithm).modulusLength < 2048
    ok = !weak && await crypto.subtle.verify(kind[1], key, p.sig, message)
  } catch { ok = false }
  if (!ok) throw bad('its signature is wrong')
}

export async function verifyBinding (token: string, w: Want): Promise<Claim> {
  const parts = token.split('.')
  ask(token.length <= MAX_TOKEN && (parts.length === 2 || parts.length === 3), 'form', 'a binding is payload.signature[.proof]')
  const payload = part(parts[0])
  const c = decodeClaim(payload)
  const proof = parts.length === 3 ? decodeProof(part(parts[2])) : undefined
  ask(await ed25519(w.server, concat(utf8('subrosa binding v1\0'), payload), part(parts[1])), 'signature', 'the server\'s signature does not verify')
  const at = Math.floor(w.now / 1000)
  ask(at >= c.from - SKEW && at < c.to + SKEW, 'time', 'the binding does not hold at this time')
  ask(c.room === w.room, 'room', 'the binding is for another room')
  ask(equal(c.key, w.key), 'key', 'the binding is for another key')
  ask((proof === undefined) === (c.passkey === null), 'passkey', 'a passkey without its proof, or the other way round')
  if (proof !== undefined) await checkProof(proof, payload, c.passkey!, w.origin)
  if (proof === undefined && c.role !== 'room' && needsPasskey(w.level) && !c.factors.includes('totp')) {
    throw new Refusal('passkey', 'the binding has no proof by a passkey')
  }
  return c
}

// needsPasskey: a level that is not known has the rules of the strictest one (firmware/conference/level).
const needsPasskey = (level: string): boolean => !['public', 'internal', 'nonpublic'].includes(level)

// Doorway is what an admission must be for: this group, this key package, and the binding in its leaf.
export interface Doorway { group: Uint8Array, ref: Uint8Array, binding: Uint8Array }

// signAdmission makes the token with which the chair's device lets somebody into one group.
export async function signAdmission (sign: (message: Bytes) => Promise<Uint8Array>, room: string, { group, ref, binding }: Doorway, now: number): Promise<string> {
  const from = Math.floor(now / 1000)
  const payload = utf8(JSON.stringify({ v: 2, room, group: toBase64(group), package: toBase64(ref), binding: toBase64(await sha256(binding)), from, to: from + MAX_ADMISSION }))
  return toBase64url(payload) + '.' + toBase64url(await sign(concat(utf8('subrosa admission v2\0'), payload)))
}

export async function verifyAdmission (token: string, chairs: Uint8Array[], room: string, { group, ref, binding }: Doorway, now: number): Promise<void> {
  const parts = token.split('.')
  ask(token.length <= 1024 && parts.length === 2, 'form', 'an admission is payload.signature')
  const payload = part(parts[0])
  const sig = part(parts[1])
  const o = object(payload, ['v', 'room', 'group', 'package', 'binding', 'from', 'to'])
  const a = { v: o.v as number, room: o.room as string, group: bytes(o.group), package: bytes(o.package), binding: bytes(o.binding), from: o.from as number, to: o.to as number }
  ask(equal(utf8(JSON.stringify({ ...a, group: toBase64(a.group), package: toBase64(a.package), binding: toBase64(a.binding) })), payload), 'form', 'the admission is not written canonically')
  ask(a.v === 2 && a.group.length === GROUP && [32, 48, 64].includes(a.package.length) && a.binding.length === 32, 'form', 'version or lengths')
  ask(Number.isSafeInteger(a.from) && Number.isSafeInteger(a.to) && a.from >= 0 && a.to > a.from && a.to - a.from <= MAX_ADMISSION, 'form', 'times')
  const message = concat(utf8('subrosa admission v2\0'), payload)
  let signed = false
  for (const chair of chairs) signed ||= await ed25519(chair, message, sig)
  ask(signed, 'not-admitted', 'somebody was to be taken in without the word of the chair\'s device')
  ask(a.room === room, 'room', 'the admission is for another room')
  ask(equal(a.group, group), 'group', 'the admission is for another group')
  ask(equal(a.package, ref) && equal(a.binding, await sha256(binding)), 'key', 'the admission is for another key package')
  const at = Math.floor(now / 1000)
  ask(at >= a.from - SKEW && at < a.to + SKEW, 'time', 'the admission does not hold at this time')
}

// judge is the Judge of a call.
export function judge (server: Uint8Array, room: string, origin: string, level: () => Level, now: () => number): Judge {
  const seen = new Map<string, Promise<Identity>>() // the same leaf is judged at every commit
  return {
    identify: (identity, key) => {
      const name = hex(key) + hex(identity)
      let known = seen.get(name)
      if (known === undefined) {
        known = verifyBinding(new TextDecoder().decode(identity), { server, room, key, origin, level: level(), now: now() })
          .then((c) => ({ member: c.member, role: c.role, passkey: c.passkey === null ? '' : hex(c.passkey), binding: identity, signatureKey: c.key, factors: c.factors }))
        known.catch(() => seen.delete(name))
        seen.set(name, known)
      }
      return known
    },
    admitted: async (token, chairs, doorway) => { await verifyAdmission(token, chairs, room, doorway, now()) }
  }
}
