// Words are what members say to each other inside the group, as JSON in application messages: the server sees none of it,
// and each is signed by the leaf that says it. Names are among them.

import { consentWords, type ConsentWord } from './consent'

export interface Self { name: string, mic: boolean, cam: boolean, screen: boolean, alone: boolean, mode: 'person' | 'room' | 'companion' }

export type Word =
  | { t: 'self', self: Self }
  | { t: 'chat', text: string, at: number }
  | { t: 'mute', leaf: number } // chair or clerk: microphone off. Obeyed; nobody's microphone is ever turned on from afar
  | { t: 'remove', member: string } // chair or clerk: who is removed now does not come back by itself
  | { t: 'record', id: string, what: ConsentWord } // consent.ts

export const MAX_TEXT = 2000
const MAX_NAME = 60

// mayOrder says whose mute and remove are obeyed.
export const mayOrder = (role: string): boolean => role === 'chair' || role === 'clerk'

// tellsCode says whose device tells the room code, for the wall.
export const tellsCode = (role: string): boolean => role === 'chair' || role === 'room'

// readWord believes only what has the form; undefined otherwise. Control characters and what turns the direction of
// writing are taken out of names and texts.
export function readWord (bytes: Uint8Array): Word | undefined {
  let v: unknown
  try { v = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) } catch { return undefined }
  if (typeof v !== 'object' || v === null) return undefined
  const o = v as Record<string, unknown>
  switch (o.t) {
    case 'chat':
      return typeof o.text === 'string' && o.text.length <= MAX_TEXT && Number.isFinite(o.at) ? { t: 'chat', text: plain(o.text, true), at: o.at as number } : undefined
    case 'mute':
      return Number.isInteger(o.leaf) && (o.leaf as number) >= 0 && (o.leaf as number) <= 0xffff ? { t: 'mute', leaf: o.leaf as number } : undefined
    case 'remove':
      return typeof o.member === 'string' && /^[a-z0-9-]{1,32}$/.test(o.member) ? { t: 'remove', member: o.member } : undefined
    case 'record':
      return typeof o.id === 'string' && /^[0-9a-f]{16}$/.test(o.id) && consentWords.includes(o.what as ConsentWord) ? { t: 'record', id: o.id, what: o.what as ConsentWord } : undefined
    case 'self': {
      const s = o.self as Record<string, unknown> | null
      if (typeof s !== 'object' || s === null) return undefined
      const flags = ['mic', 'cam', 'screen', 'alone'].every((k) => typeof s[k] === 'boolean')
      if (!flags || typeof s.name !== 'string' || !['person', 'room', 'companion'].includes(s.mode as string)) return undefined
      return {
        t: 'self',
        self: { name: plain(s.name, false).slice(0, MAX_NAME), mic: s.mic as boolean, cam: s.cam as boolean, screen: s.screen as boolean, alone: s.alone as boolean, mode: s.mode as Self['mode'] }
      }
    }
  }
  return undefined
}

function plain (text: string, lines: boolean): string {
  const odd = lines
    ? /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
    : /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
  return text.replace(odd, '').trim()
}
