// Entry asks the server's access pages who this browser is, and has the key of this device's leaf bound to it. With a
// passkey, the passkey itself signs the key (docs/conference-access.md).
import { fromBase64, toBase64, type Bytes } from './bytes'

export interface Identity { room: string, member: string, role: string, factors: string[], may: boolean, lobby: boolean, reason?: string, rights: string[], declaration?: boolean }

export class EntryError extends Error {
  constructor (readonly slug: string, text: string) { super(text); this.name = 'EntryError' }
}

interface Answer {
  error?: string, text?: { DE: string, EN: string }, identity?: Identity, binding?: string, server?: string, ceremony?: string
  options?: PublicKeyCredentialRequestOptionsJSON
}

async function ask (path: string, english: boolean, body?: object): Promise<Answer> {
  const r = await fetch('/access/' + path, body === undefined
    ? { headers: { Accept: 'application/json' } }
    : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
  const a = await r.json().catch(() => ({ error: 'failed' })) as Answer
  if (a.error) throw new EntryError(a.error, (english ? a.text?.EN : a.text?.DE) ?? `${r.status}`)
  return a
}

export async function me (room: string, english: boolean): Promise<Identity> {
  const a = await ask('me?room=' + encodeURIComponent(room), english)
  if (a.identity === undefined) throw new EntryError('failed', 'no identity')
  return a.identity
}

export interface Bound { binding: string, server: Bytes }

export async function bind (room: string, key: Bytes, english: boolean): Promise<Bound> {
  let a = await ask('bind', english, { room, key: toBase64(key) })
  if (a.options !== undefined) {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(a.options)
    const found = await navigator.credentials.get({ publicKey }) as PublicKeyCredential | null
    if (found === null) throw new EntryError('passkey', 'no passkey')
    a = await ask('bound', english, { room, ceremony: a.ceremony, response: found.toJSON() })
  }
  if (a.binding === undefined || a.server === undefined) throw new EntryError('failed', 'no binding')
  return { binding: a.binding, server: fromBase64(a.server) }
}
