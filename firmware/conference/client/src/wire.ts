// Wire is what page and worker say to each other.
import type { Codec, Source, Why } from './frames'

// TransformOptions go with RTCRtpScriptTransform. A video transform knows one codec: the call's.
export type TransformOptions =
  | { role: 'send', id: string, source: Source, codec: Codec }
  | { role: 'receive', id: string, source: Source, codec: Codec, leaf: number }

export type ToWorker =
  // hold stops sending until the turn after the epoch that ends: a commit is here, and its keys are not yet
  | { type: 'hold', ends: number }
  // turn begins an epoch with the key to send with; those of the leaves that are coming follow, each by itself
  | { type: 'turn', roomTag: number, leaf: number, epoch: bigint, own: Uint8Array | undefined, coming: number[], removal: boolean, reply: number }
  | { type: 'key', epoch: bigint, leaf: number, secret: Uint8Array }
  // count asks for the counts at once; else they come twice a second
  | { type: 'count' }
  | { type: 'drop' }

export interface TrackCount { id: string, ok: number, refused: number, why: Partial<Record<Why, number>>, last: number }

export type FromWorker =
  | { type: 'turned', reply: number }
  | { type: 'counts', tracks: TrackCount[] }
