// Watch runs in a page and notes when somebody's picture is there, judged by its colour, and how long a picture stood still
// while it was shown. Its clock is the machine's, so that times of several pages can be compared.
import { colours, until } from '../../../firmware/conference/browser/people.mjs'

function watcher (colours) {
  const w = window.watch = { first: {}, moved: new Map(), still: 0, phases: [] }
  w.mark = () => { w.first = {}; w.still = 0; w.phases = []; w.moved.clear() }
  const colour = (v) => {
    const c = w.canvas ??= Object.assign(document.createElement('canvas'), { width: 16, height: 9 }).getContext('2d', { willReadFrequently: true })
    c.drawImage(v, 0, 0, 16, 9)
    const d = c.getImageData(0, 0, 16, 4).data
    const sum = [0, 0, 0]
    for (let i = 0; i < d.length; i += 4) for (let k = 0; k < 3; k++) sum[k] += d[i + k] / 64
    return sum
  }
  setInterval(() => {
    const c = window.conference
    if (c === undefined) return
    const now = Date.now()
    const phase = `${c.phase} ${c.members.length}`
    if (w.phases.at(-1)?.[1] !== phase) w.phases.push([now, phase])
    if (c.media !== w.media) { w.media = c.media; w.first = {} } // who was seen before is to be seen again
    for (const tile of document.querySelectorAll('.tile[data-source=camera]')) {
      const leaf = Number(tile.dataset.leaf)
      if (leaf === c.leaf) continue
      const v = tile.querySelector('video')
      if (tile.dataset.mode !== 'live' || v.srcObject === null) { w.moved.delete(leaf); continue }
      const frames = v.getVideoPlaybackQuality().totalVideoFrames
      const before = w.moved.get(leaf)
      if (before?.frames !== frames) w.moved.set(leaf, { frames, at: now })
      else w.still = Math.max(w.still, now - before.at)
      const member = c.member(leaf)?.member
      if (member === undefined || w.first[member] !== undefined || v.videoWidth === 0 || frames < 1) continue
      const want = colours[Number(member.slice(2)) % 6]
      if (colour(v).every((x, i) => Math.abs(x - want[i]) <= 45)) w.first[member] = now
    }
  }, 50)
}

// prepare has a context's pages watched.
export const prepare = (context) => context.addInitScript(watcher, colours)

// mark begins anew on all pages.
export const mark = (people) => Promise.all(people.map((p) => p.page.evaluate(() => window.watch.mark())))

// forget has everybody seen anew, where media go on: who was seen between mark and now would never be noted again.
export const forget = (people) => Promise.all(people.map((p) => p.page.evaluate(() => { window.watch.first = {} })))

// allSeen waits until each of the watchers has seen each of the seen anew since a time, and returns when each watcher had: ms
// of the machine's clock.
export async function allSeen (watchers, seen, since = 0, ms = 60_000) {
  const ids = seen.map((p) => p.member)
  return await Promise.all(watchers.map((p) => until(`${p.name} sees ${ids}`, async () => {
    const first = await p.page.evaluate(() => window.watch?.first ?? {}).catch(() => ({})) // while it loads
    const times = ids.filter((id) => id !== p.member).map((id) => first[id])
    return times.every((t) => t >= since) && Math.max(...times)
  }, ms)))
}

// still returns how long a picture of anybody stood still on these pages while it was shown, in ms, since mark.
export const still = async (people) => Math.max(...await Promise.all(people.map((p) => p.page.evaluate(() => window.watch.still))))

// spread is p50, p95 and the greatest of some figures.
export function spread (all) {
  const s = [...all].sort((a, b) => a - b)
  const at = (q) => s[Math.min(s.length - 1, Math.ceil(q * s.length) - 1)]
  return { n: s.length, p50: at(0.5), p95: at(0.95), max: s.at(-1) }
}

export const words = (all) => { const s = spread(all); return `n ${s.n}: p50 ${s.p50}, p95 ${s.p95}, max ${s.max} ms` }
