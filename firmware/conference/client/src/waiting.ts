// Waiting: why there are no keys yet, said only when it is known.
import type { Joined, State } from './signal'

// waitsForChair reports whether nobody is there who could make the group. What the state of the lobby says is no sign of it: there
// everybody is alone. A chair who is about to make the group is no missing one.
export function waitsForChair (joined: Joined | undefined, state: State | undefined): boolean {
  if (joined === undefined || state === undefined || joined.group !== undefined || state.group !== undefined) return false
  if (joined.role === 'chair' || !state.people.some((p) => p.id === joined.participant)) return false
  return !state.people.some((p) => p.role === 'chair')
}

// lead is the key of the line that stands in place of the call while there is none. A chair is not told to wait for the chair.
export function lead (phase: string, joined: Joined | undefined, state: State | undefined): 'lobby' | 'lost' | 'noChair' | 'waitingChair' | 'waiting' | 'connecting' {
  if (phase === 'lobby' || phase === 'lost') return phase
  if (phase !== 'waiting') return 'connecting'
  if (waitsForChair(joined, state)) return 'noChair'
  if (joined?.role !== 'chair') return 'waiting'
  return joined.group !== undefined || state?.group !== undefined ? 'waitingChair' : 'connecting'
}
