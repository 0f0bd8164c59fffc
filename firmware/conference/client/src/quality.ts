// Quality is what is said of this device's line, by what the browser measures and the server tells.

export interface Measured { loss: number, rtt: number } // loss as a part of 1, rtt in seconds

// netWord is the key of the word for a line, or nothing as long as media have not been there: somebody alone in a call, who sends
// nothing, has none, and that is no fault.
export function netWord (q: Measured | undefined, met: boolean): 'netGood' | 'netFair' | 'netPoor' | 'netNone' | undefined {
  if (q === undefined) return met ? 'netNone' : undefined
  if (q.loss > 0.08 || q.rtt > 0.6) return 'netPoor'
  return q.loss > 0.02 || q.rtt > 0.25 ? 'netFair' : 'netGood'
}

// pausedWhy is the key of why a picture does not come that the server has paused. Where as many cameras come as come at once at most,
// it is one too many; otherwise the line is too narrow.
export function pausedWhy (paused: readonly string[], cameras: readonly string[], track: string, lastN: number): 'pausedMany' | 'paused' | undefined {
  if (!paused.includes(track)) return undefined
  const come = cameras.filter((id) => !paused.includes(id)).length
  return cameras.includes(track) && come >= lastN ? 'pausedMany' : 'paused'
}
