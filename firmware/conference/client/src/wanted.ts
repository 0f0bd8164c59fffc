// Wanted is what a device asks to receive: only tracks of leaves that its group knows, and each only as that leaf's.
import type { Source } from './frames'
import type { State } from './signal'

// Wanted is a track that is to be received.
export interface Wanted { track: string, leaf: number, source: Source }

// wanted has one track of each source of a leaf: a server that names two shows one. It leaves out what comes from the participant
// itself, and voices where the hall's loudspeakers play them already.
export function wanted (s: Pick<State, 'people' | 'tracks'>, own: string | undefined, knows: (leaf: number) => boolean, companion: boolean): Wanted[] {
  const leafOf = new Map(s.people.map((p) => [p.id, p.leaf]))
  const there = new Set<string>()
  return s.tracks.flatMap((t) => {
    const leaf = leafOf.get(t.participant) ?? -1
    if (t.participant === own || !knows(leaf) || (companion && t.source === 'microphone')) return []
    const key = `${leaf} ${t.source}`
    if (there.has(key)) return []
    there.add(key)
    return [{ track: t.id, leaf, source: t.source }]
  })
}
