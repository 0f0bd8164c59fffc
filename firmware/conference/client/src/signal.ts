// Signal is what page and server say to each other; docs/conference-signalling.md draws it, firmware/conference/signal has the
// Go types. The server knows who is there and orders commits; it holds no key. Nothing it says is believed where the group
// says it too: who somebody is, that they are in, and what they said.
import type { Level } from './binding'
import type { Codec, Source } from './frames'
import type { MlsSuite } from './group'

export const PROTOCOL = 1
export const SUBPROTOCOL = 'subrosa-conference-1'

// Bytes are base64 with padding, as Go's encoding/json writes them.
type Base64 = string

export interface TrackMid { mid: string, track: string }
export interface SendMid { mid: string, source: Source }

export type ToServer =
  | { type: 'hello', protocol: number, resume?: string, seen?: number, companion?: boolean, declaration?: boolean }
  | { type: 'key-package', suite: MlsSuite, package: Base64 }
  | { type: 'founded', group: Base64 }
  | { type: 'admit', participant: string, admission?: string }
  | { type: 'refuse', participant: string }
  | { type: 'remove', participant: string }
  | { type: 'commit', group: Base64, epoch: number, commit: Base64, welcome?: Base64 }
  | { type: 'application', group: Base64, message: Base64, n: number }
  | { type: 'stuck', group: Base64, epoch: number, why: StuckWhy }
  | { type: 'offer', n: number, fresh?: boolean, sdp: string, send?: SendMid[], receive?: TrackMid[] }
  | { type: 'prefer', last_n?: number, low?: string[], off?: string[], pinned?: string[] }
  | { type: 'mute', source: Source, muted: boolean }
  | { type: 'hand', up: boolean, participant?: string }
  | { type: 'floor', participant?: string }
  | { type: 'ask-mute', participant: string }
  | { type: 'key-frame', track: string }
  | { type: 'code', group: Base64, epoch: number, code: string }
  | { type: 'recording', what: 'begin' | 'pause' | 'end' | 'withdrawn' }
  | { type: 'declare', alone: boolean }
  | { type: 'stream', on: boolean }
  | { type: 'raise' }
  | { type: 'end' }
  | { type: 'leave' }
  | { type: 'ping', n: number }

export type StuckWhy = 'form' | 'epoch' | 'proposal' | 'not-admitted' | 'identity' | 'signature' | 'other'
export interface Text { de: string, en: string }

export interface Joined {
  type: 'joined', participant: string, room: string, member: string, role: string, rights?: string[], level: Level, lobby: boolean
  resumed: boolean, resume: string, suite: MlsSuite, group?: Base64, epoch: number, seq: number, ice: RTCIceServer[], last_n: number
  codecs: Codec[], rule: Rule, time: string
}

export interface Rule { encrypted: boolean, chair_signed: boolean, recording: boolean, streams: boolean, declaration: boolean }

export interface Person {
  id: string, member: string, role: string, leaf: number, hand: number, here: boolean, companion: boolean, declaration: boolean, muted?: Source[]
}
export interface Track { id: string, participant: string, source: Source, codec: Codec }

export interface State {
  type: 'state', version: number, level: Level, pending?: Level, encryption: 'end-to-end' | 'open', group?: Base64, epoch: number
  declare?: boolean, floor?: string, stream?: { in: boolean, out: number }, waiting?: string[], people: Person[], tracks: Track[]
}

export interface Knock { type: 'knock', participant: string, member: string, role: string, on_roster: boolean, lobby: boolean, by?: string, package?: Base64 }
export interface Add { participant: string, package: Base64, admission?: string }
export interface Task { type: 'task', group: Base64, epoch: number, add?: Add[], remove?: number[] }
export interface Committed { type: 'committed', seq: number, group: Base64, epoch: number, from: string, commit: Base64 }
export interface Welcome { type: 'welcome', seq: number, group: Base64, epoch: number, tag: number, leaf: number, suite: MlsSuite, welcome: Base64 }

export type FromServer =
  | Joined | State | Knock | Task | Committed | Welcome
  | { type: 'refused', reason: string, text: Text }
  | { type: 'found', group: Base64, tag: number, suite: MlsSuite }
  | { type: 'application-refused', group: Base64, n: number, why: string }
  | { type: 'commit-refused', group: Base64, epoch: number, why: string }
  | { type: 'delivered', seq: number, group: Base64, from: string, message: Base64 }
  | { type: 'answer', n: number, sdp: string, receive?: TrackMid[] }
  | { type: 'speakers', speakers: string[] | null }
  | { type: 'flow', down: number, paused?: string[], layers?: Record<string, number> }
  | { type: 'please-mute', from: string }
  | { type: 'alarm', participant: string, track: string, why: string, text: Text }
  | { type: 'error', to?: string, why: string, text: Text }
  | { type: 'ended', reason: string, again: boolean, text: Text }
  | { type: 'pong', n: number }

export interface Line { send: (m: ToServer) => void, close: () => void }

// patience is how long a line may take to open, in ms: where a network is gone nothing refuses, and the next attempt may be
// the one that comes through; a busy machine is given more time with each.
const patience = (attempt: number): number => Math.min(8000, 2500 + 500 * attempt)

// QUIET is how long the line may be without an answer to a ping, in ms; then it counts as lost.
const QUIET = 6000

// dial opens the line to this page's own server.
export function dial (url: string, attempt: number, on: { message: (m: FromServer) => void, closed: () => void }): Line {
  const socket = new WebSocket(url, SUBPROTOCOL)
  const waiting: string[] = []
  let over = false
  let heard = performance.now()
  let n = 0
  let beats = 0
  const end = (): void => {
    clearInterval(beat)
    if (!over) { over = true; socket.close(); on.closed() }
  }
  const send = (m: ToServer): void => {
    const text = JSON.stringify(m)
    if (socket.readyState === WebSocket.OPEN) socket.send(text)
    else if (socket.readyState === WebSocket.CONNECTING) waiting.push(text)
  }
  const beat = setInterval(() => {
    if (performance.now() - heard > (socket.readyState === WebSocket.CONNECTING ? patience(attempt) : QUIET)) end()
    else if (++beats % 4 === 0) send({ type: 'ping', n: ++n })
  }, 500)
  socket.onopen = () => {
    heard = performance.now()
    for (const text of waiting.splice(0)) socket.send(text)
  }
  socket.onmessage = (e: MessageEvent<unknown>) => {
    heard = performance.now()
    let m: FromServer
    try { m = JSON.parse(String(e.data)) as FromServer } catch { end(); return }
    if (!over) on.message(m)
  }
  socket.onclose = end
  socket.onerror = end
  return { send, close: () => { over = true; clearInterval(beat); socket.close() } }
}
