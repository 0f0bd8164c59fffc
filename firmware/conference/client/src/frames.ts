// Frames: what is sent of a frame, and what of those that come is believed. Pure but for WebCrypto; time is an argument.
//
//	VP8         10 bytes of a key frame, 1 of another, stay clear, for packetisers look at them: SFrame metadata
//	VP9, Opus   nothing stays clear
//
// Metadata is that prefix and one byte for the source (microphone 1, camera 2, screen 3), which is not sent: a server
// that shows somebody's screen as their camera has a frame that does not open.
//
// A key id is room tag (4 bytes, the first not 0, so that its length is fixed) ‖ leaf (2) ‖ epoch (2, low bytes).
import { concat, type Bytes } from './bytes'
import { AES_256_GCM, TAG, decodeHeader, deriveKey, open, seal, type Key } from './sframe'

export type Source = 'microphone' | 'camera' | 'screen'
export type Codec = 'opus' | 'vp8' | 'vp9'

const sourceByte: Record<Source, number> = { microphone: 1, camera: 2, screen: 3 }

// GRACE is how long frames of an epoch that is over are still opened, in ms.
export const GRACE = 200
const WINDOW = 1024 // counters back that are told from repeated ones

export function keyId (roomTag: number, leaf: number, epoch: bigint): bigint {
  if (roomTag >>> 24 === 0 || leaf < 0 || leaf > 0xffff) throw new Error(`frames: room tag ${roomTag} or leaf ${leaf} cannot be in a key id`)
  return BigInt(roomTag >>> 0) << 32n | BigInt(leaf) << 16n | (epoch & 0xffffn)
}

export const leafOf = (kid: bigint): number => Number(kid >> 16n & 0xffffn)

// prefixLength says how many bytes of a frame stay clear; undefined if the frame is too short to be one of its codec.
export function prefixLength (codec: Codec, b: Uint8Array): number | undefined {
  if (codec !== 'vp8') return 0
  if (b.length === 0) return undefined
  const n = (b[0]! & 1) === 0 ? 10 : 1 // RFC 6386, 9.1: bit 0 clear is a key frame
  return b.length < n ? undefined : n
}

const metadata = (prefix: Uint8Array, source: Source): Bytes => concat(prefix, Uint8Array.of(sourceByte[source]))

// Sealer seals what this device sends: all its tracks with one key and one counter.
export class Sealer {
  #key: Key | undefined
  #ctr = 0n
  sealed = 0
  refused = 0

  // use takes a key for everything from now on. undefined: nothing is sent any more. The counter begins anew only with
  // another key id; the same key id twice would repeat nonces.
  use (key: Key | undefined): void {
    if (key !== undefined && this.#key !== undefined && key.kid === this.#key.kid) throw new Error('frames: the same key id twice')
    this.#key = key
    this.#ctr = 0n
  }

  // seal returns what is sent in place of the frame, or undefined: then nothing may be.
  async seal (source: Source, codec: Codec, frame: Uint8Array): Promise<Bytes | undefined> {
    const key = this.#key
    const n = prefixLength(codec, frame)
    if (key === undefined || n === undefined) { this.refused++; return undefined }
    const ctr = this.#ctr++
    const prefix = frame.subarray(0, n)
    const out = concat(prefix, await seal(key, ctr, metadata(prefix, source), frame.subarray(n)))
    this.sealed++
    return out
  }
}

export type Why = 'plain' | 'foreign' | 'no-key' | 'stale' | 'tampered' | 'replayed'

export type Opened = { frame: Bytes } | { why: Why | 'empty' }

// Window remembers the counters of one key that have been seen.
class Window {
  #top = -1n
  #seen = new Set<bigint>()

  fresh (ctr: bigint): boolean {
    return ctr > this.#top || (ctr > this.#top - BigInt(WINDOW) && !this.#seen.has(ctr))
  }

  note (ctr: bigint): void {
    this.#seen.add(ctr)
    if (ctr > this.#top) {
      this.#top = ctr
      if (this.#seen.size > 2 * WINDOW) for (const c of this.#seen) if (c <= ctr - BigInt(WINDOW)) this.#seen.delete(c)
    }
  }
}

interface Epoch { keys: Map<bigint, Key>, coming: Set<bigint>, windows: Map<bigint, Window>, until: number }

// Keyring holds the keys of the epoch, and for GRACE those of the one before; with each key the counters that were seen, whatever
// track they came on: a server that shows the same frames under another name shows nothing.
export class Keyring {
  #current: Epoch | undefined
  #previous: Epoch | undefined

  // turn begins an epoch with its keys, and with the ids of those that are still coming. With a removal the keys of before end
  // at once: who was removed knows them all.
  turn (now: number, keys: Key[], removal: boolean, coming: bigint[] = []): void {
    this.#previous = removal ? undefined : this.#current
    if (this.#previous !== undefined) this.#previous.until = now + GRACE
    this.#current = { keys: new Map(keys.map((k) => [k.kid, k])), coming: new Set(coming), windows: new Map(), until: Infinity }
  }

  // add takes a key that was said to come, once, and no other.
  add (key: Key): boolean {
    const there = this.#current?.coming.delete(key.kid) ?? false
    if (there) this.#current!.keys.set(key.kid, key)
    return there
  }

  // coming tells whether the key of an id in this epoch is on its way.
  coming (kid: bigint): boolean { return this.#current?.coming.has(kid) ?? false }

  // drop forgets everything: this device was removed, or has left.
  drop (): void { this.#current = this.#previous = undefined }

  has (kid: bigint): boolean { return this.#current?.keys.has(kid) ?? false }

  find (now: number, kid: bigint): Key | 'stale' | undefined {
    const key = this.#current?.keys.get(kid)
    if (key !== undefined) return key
    const old = this.#previous?.keys.get(kid)
    if (old === undefined) return undefined
    return now <= this.#previous!.until ? old : 'stale'
  }

  // window is of the counters seen of a key that find has found.
  window (kid: bigint): Window {
    const e = this.#current?.keys.has(kid) === true ? this.#current : this.#previous
    let w = e?.windows.get(kid)
    if (w === undefined) {
      w = new Window()
      e?.windows.set(kid, w)
    }
    return w
  }
}

// Opener opens what comes on one track, which is one source of one leaf. It believes nothing else.
export class Opener {
  opened = 0
  refused: Record<Why, number> = { plain: 0, foreign: 0, 'no-key': 0, stale: 0, tampered: 0, replayed: 0 }

  constructor (readonly ring: Keyring, public leaf: number, readonly source: Source) {}

  // expected tells whether a frame has a header of this track whose key is still to come, so that it is worth waiting.
  awaits (now: number, codec: Codec, frame: Uint8Array): boolean {
    const n = prefixLength(codec, frame)
    const h = n === undefined ? undefined : decodeHeader(frame.subarray(n))
    return h !== undefined && leafOf(h.kid) === this.leaf && this.ring.find(now, h.kid) === undefined
  }

  async open (now: number, codec: Codec, frame: Uint8Array): Promise<Opened> {
    if (frame.length === 0) return { why: 'empty' } // of packets that only pad: browsers send them beside a microphone; nothing is in it, and nothing is shown of it
    const n = prefixLength(codec, frame)
    const body = n === undefined ? undefined : frame.subarray(n)
    const h = body === undefined ? undefined : decodeHeader(body)
    if (n === undefined || body === undefined || h === undefined || h.kid >> 56n === 0n || body.length < h.length + TAG) return this.#refuse('plain')
    if (leafOf(h.kid) !== this.leaf) return this.#refuse('foreign')
    const key = this.ring.find(now, h.kid)
    if (key === undefined) return this.#refuse('no-key')
    if (key === 'stale') return this.#refuse('stale')
    const window = this.ring.window(h.kid)
    if (!window.fresh(h.ctr)) return this.#refuse('replayed')
    const prefix = frame.subarray(0, n)
    const plain = await open(key, h, metadata(prefix, this.source), body)
    if (plain === undefined) return this.#refuse('tampered')
    if (!window.fresh(h.ctr)) return this.#refuse('replayed') // the same frame twice at once
    window.note(h.ctr)
    this.opened++
    return { frame: concat(prefix, plain) }
  }

  #refuse (why: Why): Opened {
    this.refused[why]++
    return { why }
  }
}

// frameKey derives the key of a leaf from its exported secret.
export function frameKey (roomTag: number, leaf: number, epoch: bigint, base: Uint8Array): Promise<Key> {
  return deriveKey(AES_256_GCM, keyId(roomTag, leaf, epoch), base)
}
