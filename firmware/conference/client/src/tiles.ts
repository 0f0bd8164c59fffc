// Tiles are the pictures and voices of the call. A tile exists only for a member of the group; its picture is shown only
// while frames open that are new.
import type { Call } from './call'
import { h, set, text } from './dom'
import type { Incoming } from './media'
import { pausedWhy } from './quality'
import { t, word } from './text'

interface Tile { root: HTMLElement, video: HTMLVideoElement, name: HTMLElement, more: HTMLElement, note: HTMLElement, track: MediaStreamTrack | undefined }

export type View = 'grid' | 'speaker'

export class Tiles {
  readonly root = h('div', { class: 'tiles', role: 'list' })
  view: View = 'grid'
  audioOnly = false
  silent = false
  #tiles = new Map<string, Tile>()
  #audio = new Map<string, HTMLAudioElement>()
  #last = -1

  constructor (readonly call: Call, readonly blocked: () => void) {}

  draw (): void {
    const c = this.call
    const want = new Map<string, { leaf: number, source: 'camera' | 'screen', track: Incoming | undefined, own: MediaStreamTrack | undefined }>()
    for (const m of c.members) {
      const own = m.leaf === c.leaf
      const at = (source: 'camera' | 'screen'): Incoming | undefined => c.tracks.find((x) => x.leaf === m.leaf && x.source === source)
      const self = own ? c.self : c.selves.get(m.leaf)
      want.set(`${m.leaf}-camera`, { leaf: m.leaf, source: 'camera', track: self?.cam === true ? at('camera') : undefined, own: own ? c.track('camera') : undefined })
      if (self?.screen === true) want.set(`${m.leaf}-screen`, { leaf: m.leaf, source: 'screen', track: at('screen'), own: own ? c.track('screen') : undefined })
    }
    for (const [key, tile] of this.#tiles) if (!want.has(key)) { tile.video.srcObject = null; tile.root.remove(); this.#tiles.delete(key) }
    for (const [key, w] of want) this.#tile(key, w.leaf, w.source, w.track, w.own)
    this.#sound()
    this.#arrange([...want.keys()])
  }

  #tile (key: string, leaf: number, source: 'camera' | 'screen', incoming: Incoming | undefined, own: MediaStreamTrack | undefined): void {
    let tile = this.#tiles.get(key)
    if (tile === undefined) {
      const video = h('video', { autoplay: true, playsinline: true, muted: true })
      video.muted = true
      const name = h('span', { class: 'name' })
      const more = h('span', { class: 'more' })
      const note = h('p', { class: 'dark' })
      tile = { root: h('div', { class: 'tile', role: 'listitem', 'data-leaf': leaf, 'data-source': source }, video, note, h('div', { class: 'label' }, name, more)), video, name, more, note, track: undefined }
      this.#tiles.set(key, tile)
      this.root.append(tile.root)
    }
    const c = this.call
    const m = c.member(leaf)
    const self = leaf === c.leaf ? c.self : c.selves.get(leaf)
    const show = own ?? (incoming !== undefined && incoming.fresh && !this.audioOnly ? incoming.receiver.track : undefined)
    if (tile.track !== show) {
      tile.track = show
      tile.video.srcObject = show === undefined ? null : new MediaStream([show])
      if (show !== undefined) void tile.video.play().catch(() => {})
    }
    const on = source === 'screen' || self?.cam === true
    const mode = own !== undefined || show !== undefined ? 'live' : on && !this.audioOnly ? 'stale' : 'off'
    text(tile.note, mode === 'live' ? '' : mode === 'stale' ? this.#dark(leaf, source, incoming) : initials(c.nameOf(leaf)))
    const person = c.person(leaf)
    const lost = person !== undefined && !person.here
    const role = word('role', m?.role ?? '')
    text(tile.name, `${c.nameOf(leaf)}${leaf === c.leaf ? ` (${t('you')})` : ''}${source === 'screen' ? ` · ${t('screen')}` : ''}${person?.hand ? ` · ${t('hand')} ${person.hand}` : ''}`)
    text(tile.more, ` · ${role}`)
    const floor = c.state?.floor !== undefined && person?.id === c.state.floor
    set(tile.root, {
      'data-mode': mode, 'data-mic': self?.mic === true ? 'on' : 'off', 'data-floor': floor, 'data-lost': lost, 'data-own': leaf === c.leaf,
      'data-loud': person !== undefined && c.speakers.includes(person.id) && self?.mic === true,
      'aria-label': `${c.nameOf(leaf)}, ${role}, ${t('microphone')} ${self?.mic === true ? t('on') : t('off')}, ${t('camera')} ${self?.cam === true ? t('on') : t('off')}${floor ? `, ${t('hasFloor')}` : ''}`
    })
  }

  // dark is why there is no picture though one is sent.
  #dark (leaf: number, source: 'camera' | 'screen', incoming: Incoming | undefined): string {
    const c = this.call
    const own = c.joined?.participant
    const cameras = c.state?.tracks.filter((x) => x.source === 'camera' && x.participant !== own).map((x) => x.id) ?? []
    const track = c.state?.tracks.find((x) => x.source === source && x.participant === c.person(leaf)?.id)?.id
    const why = track === undefined ? undefined : pausedWhy(c.paused, cameras, track, c.joined?.last_n ?? Infinity)
    return why !== undefined ? t(why) : incoming !== undefined && incoming.ok > 0 ? t('stale') : t('turning')
  }

  // sound: a voice is heard only while its member says, signed, that the microphone is on.
  #sound (): void {
    const c = this.call
    const want = new Map(c.tracks.filter((x) => x.source === 'microphone' && c.selves.get(x.leaf)?.mic === true && !this.silent).map((x) => [x.id, x]))
    for (const [id, a] of this.#audio) if (!want.has(id)) { a.srcObject = null; this.#audio.delete(id) }
    for (const [id, x] of want) {
      if (this.#audio.has(id)) continue
      const a = new Audio()
      a.srcObject = new MediaStream([x.receiver.track])
      a.dataset.leaf = String(x.leaf)
      this.#audio.set(id, a)
      void a.play().catch(() => { this.blocked() })
    }
  }

  unblock (): void { for (const a of this.#audio.values()) void a.play().catch(() => {}) }

  #arrange (keys: string[]): void {
    const c = this.call
    const loud = c.speakers.map((id) => c.state?.people.find((p) => p.id === id)?.leaf ?? -1).find((l) => l >= 0 && l !== c.leaf)
    if (loud !== undefined) this.#last = loud
    const floor = c.state?.people.find((p) => p.id === c.state?.floor)?.leaf
    const big = keys.find((k) => k.endsWith('-screen')) ?? keys.find((k) => k === `${floor ?? this.#last}-camera`) ?? keys.find((k) => k !== `${c.leaf}-camera`) ?? keys[0]
    set(this.root, { 'data-view': this.view, 'data-audio-only': this.audioOnly, 'data-count': Math.min(keys.length, 16) })
    for (const k of keys) set(this.#tiles.get(k)!.root, { 'data-big': k === big })
  }

  // clear blanks everything at once.
  clear (): void {
    for (const tile of this.#tiles.values()) { tile.video.srcObject = null; tile.root.remove() }
    this.#tiles.clear()
    for (const a of this.#audio.values()) a.srcObject = null
    this.#audio.clear()
  }
}

const initials = (name: string): string => name.split(/[\s.-]+/).filter((p) => p !== '').map((p) => [...p][0]!.toUpperCase()).slice(0, 2).join('')
