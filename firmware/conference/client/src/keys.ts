// Keys: an epoch's secrets on their way to the worker. This device's own goes first, and with it the right to send; then those
// of whoever is heard, then of whoever is seen, then all others'.
import type { Group } from './group'
import type { State } from './signal'

// Keyholder takes them: the worker, behind media.ts.
export interface Keyholder {
  // turn begins the epoch. Only the leaves named as coming may have a key in it besides the own; own undefined sends nothing.
  turn: (roomTag: number, leaf: number, epoch: bigint, own: Uint8Array | undefined, coming: number[], removal: boolean) => Promise<void>
  key: (epoch: bigint, leaf: number, secret: Uint8Array) => void
}

export type Epoch = Pick<Group, 'leaf' | 'epoch' | 'members' | 'member' | 'frameSecret'>

// handKeys resolves when this device may send and the others' secrets are on their way.
export async function handKeys (g: Epoch, to: Keyholder, roomTag: number, removal: boolean, first: number[]): Promise<void> {
  const { leaf, epoch } = g
  const others = g.members.map((m) => m.leaf).filter((l) => l !== leaf)
  const coming = [...new Set([...first.filter((l) => others.includes(l)), ...others])]
  const own = g.member(leaf) && await g.frameSecret(leaf)
  const turned = to.turn(roomTag, leaf, epoch, own, coming, removal)
  for (const l of coming) to.key(epoch, l, await g.frameSecret(l))
  await turned
}

// heardFirst names the leaves that are waited for: speakers, the loudest first, then whoever sends anything.
export function heardFirst (speakers: readonly string[], s: Pick<State, 'people' | 'tracks'> | undefined): number[] {
  const leafOf = new Map(s?.people.map((p) => [p.id, p.leaf]))
  return [...speakers, ...(s?.tracks.map((t) => t.participant) ?? [])].flatMap((id) => leafOf.get(id) ?? [])
}
