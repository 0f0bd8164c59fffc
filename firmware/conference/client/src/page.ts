// Page draws the conference for people: before, lobby, call, end. German first.
import type { Veil } from './background'
import { Call, type Note } from './call'
import { behind, deviceCheck, hide } from './check'
import { twice } from './confirm'
import { canShare, openCamera, openMicrophone, openScreen } from './devices'
import { h, icon, set, text } from './dom'
import { EntryError, bind, me, type Identity } from './entry'
import { newDevice } from './group'
import { supported } from './media'
import { Notes, news, noteLine } from './notes'
import { panel, type PanelName } from './panel'
import { netWord } from './quality'
import { RecordBar } from './recordbar'
import { Tiles } from './tiles'
import { english, setLang, t, word } from './text'
import type { Source } from './frames'
import { lead } from './waiting'
import type { Self } from './words'

const params = new URLSearchParams(location.search)
const room = decodeURIComponent(location.pathname.split('/')[2] ?? '')
let kiosk = false // this is the hall's own screen: the server says so, by the unit's certificate
const leaveKey = 'F9' // of a keyboard, or of a button that types it
const app = document.getElementById('app')!
const says = document.getElementById('says')!
const bundle = document.querySelector<HTMLMetaElement>('meta[name=bundle]')?.content ?? ''
const roomName = document.querySelector<HTMLMetaElement>('meta[name=room]')?.content || room // as the server calls it

setLang(params.get('lang') === 'en' || (params.get('lang') === null && !navigator.language.toLowerCase().startsWith('de') && navigator.language.toLowerCase().startsWith('en')) ? 'en' : 'de')
const label = (): void => {
  document.documentElement.lang = english() ? 'en' : 'de'
  document.title = `${t('title')} · ${roomName}`
}
label()

let redraw: (() => void) | undefined // in the call, and while waiting for it: the language changes without leaving

const bytesOf = (hash: string): string => hash.replace(/(.{4})(?=.)/g, '$1 ')

// say tells screen readers, and shows a line for some seconds.
function say (line: string): void {
  text(says, '')
  setTimeout(() => { text(says, line) }, 50)
}

function foot (): HTMLElement {
  const other = new URL(location.href)
  other.searchParams.set('lang', english() ? 'de' : 'en')
  return h('footer', {}, h('details', {}, h('summary', {}, `${t('bundle')}: ${bytesOf(bundle).slice(0, 9)} …`), h('code', {}, bytesOf(bundle)), h('p', {}, t('bundleHint'))),
    h('a', { href: other.pathname + other.search, lang: english() ? 'de' : 'en', click: (e) => { change(e, other) } }, english() ? 'Deutsch' : 'English'))
}

// change says everything in the other language where the page stands; before joining, it is loaded anew.
function change (e: Event, other: URL): void {
  if (redraw === undefined) return
  e.preventDefault()
  setLang(english() ? 'de' : 'en')
  history.replaceState(null, '', other)
  label()
  redraw()
  app.querySelector<HTMLElement>('footer a')?.focus()
}

// --- before ----------------------------------------------------------------------------------------

async function before (): Promise<void> {
  if (!await supported()) { message(t('old')); return }
  let id: Identity
  try {
    id = await me(room, english())
  } catch (err) {
    if (err instanceof EntryError && err.slug === 'signed-out') { location.assign(`/access/?room=${encodeURIComponent(room)}`); return }
    message(err instanceof EntryError ? err.message : t('fEntry'), [t('again'), () => { location.reload() }])
    return
  }
  if (!id.may) { location.assign(`/access/?room=${encodeURIComponent(room)}`); return }
  kiosk = id.role === 'room'
  if (kiosk && stays()) { outOfHall(t('hallLeft')); return }
  if (kiosk) { await enter({ name: word('role', 'room'), mic: false, cam: false, screen: false, alone: true, mode: 'room' }, 'none'); return }
  const name = h('input', { id: 'name', name: 'name', maxlength: 60, required: true, autocomplete: 'name', 'aria-describedby': 'name-hint' })
  name.value = sessionStorage.getItem('name') ?? ''
  const alone = h('input', { type: 'checkbox', name: 'alone', required: id.declaration === true })
  const companion = h('input', { type: 'checkbox', name: 'companion', change: () => { alone.required = id.declaration === true && !companion.checked } })
  const hidden = behind('none', () => { check.stop() })
  const fault = h('p', { class: 'fault', role: 'alert' })
  const button = h('button', { class: 'main' }, t('join'))
  const check = deviceCheck(() => hidden.value as Veil)
  const form = h('form', {
    class: 'card', submit: (e) => {
      e.preventDefault()
      if (name.value.trim() === '') { name.focus(); return }
      sessionStorage.setItem('name', name.value.trim())
      button.disabled = true
      check.stop()
      void enter({ name: name.value.trim(), mic: false, cam: false, screen: false, alone: alone.checked, mode: companion.checked ? 'companion' : 'person' }, hidden.value as Veil)
        .catch((err: unknown) => {
          button.disabled = false
          text(fault, err instanceof EntryError ? err.message : t('fEntry'))
        })
    }
  },
  h('h1', {}, roomName), h('p', { class: 'soft' }, `${word('role', id.role)} · ${t('offHint')}`),
  h('label', { for: 'name' }, t('name')), name, h('p', { id: 'name-hint', class: 'soft' }, t('nameHint')),
  ...(id.declaration === true ? [h('label', { class: 'tick' }, alone, h('span', {}, t('alone'))), h('p', { class: 'soft' }, t('aloneHint'))] : []), h('label', { class: 'tick' }, companion, h('span', {}, t('companion'))),
  h('label', { for: 'behind' }, t('behind')), hidden, h('p', { class: 'soft' }, t('behindHint')),
  check.root, fault, button)
  app.replaceChildren(h('main', { class: 'before' }, form), foot())
  name.focus()
}

// The hall that has left stays out until somebody asks for it by hand, also when the browser or the machine is started anew.
const left = 'hall-left'
const stays = (): boolean => localStorage.getItem(left) !== null

function outOfHall (line: string): void {
  localStorage.setItem(left, '1')
  message(line, [t('hallJoin'), () => { localStorage.removeItem(left); location.reload() }], t('hallOff'))
  app.querySelector<HTMLElement>('button.main')?.focus() // for a keyboard
}

function message (line: string, action?: [string, () => void], more?: string): void {
  app.replaceChildren(h('main', { class: 'before' }, h('div', { class: 'card', role: 'status' }, h('h1', {}, roomName), h('p', { class: 'lead' }, line), more !== undefined && h('p', { class: 'soft' }, more),
    action && h('button', { class: 'main', click: action[1] }, action[0]))), foot())
}

async function enter (self: Self, how: Veil): Promise<void> {
  const device = await newDevice()
  const bound = await bind(room, device.publicKey, english())
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const url = `${scheme}://${location.host}/room/${encodeURIComponent(room)}/signal`
  const screen: Screen = new Screen(new Call({ url, workerUrl: '/client/worker.js', origin: location.origin, device, bound, self },
    { changed: () => { screen.draw() }, note: (n) => { screen.note(n) }, record: (what) => { screen.record.record(what) } }), how)
  redraw = () => { screen.redraw() }
  Object.assign(window, { conference: screen.call }) // for the browser's console, and for tests: nothing here is secret from its owner
  screen.call.start()
}

// --- the call --------------------------------------------------------------------------------------

class Screen {
  readonly tiles: Tiles
  readonly record: RecordBar
  #panel: PanelName | undefined = undefined
  #root: HTMLElement | undefined
  #parts: Record<string, HTMLElement> = {}
  #buttons = new Map<string, HTMLButtonElement>()
  #busy = new Set<Source>()
  readonly #notes = new Notes()
  #read = 0
  #wait = ''
  #quality = ''
  #met: unknown // the connection of media that has been there

  // on a telephone the panel ends above the bar, whose height depends on the words in it
  readonly #height = new ResizeObserver(([e]) => { this.#root?.style.setProperty('--bar', `${Math.ceil(e?.borderBoxSize[0]?.blockSize ?? 0)}px`) })

  constructor (readonly call: Call, public veil: Veil) {
    this.tiles = new Tiles(call, () => { set(this.#parts.sound!, { hidden: false }) })
    this.record = new RecordBar(call, this.tiles.root, () => { this.#line(t('fRecord')) })
    if (kiosk) this.tiles.view = 'speaker'
    setInterval(() => { void this.#net() }, 3000)
    document.addEventListener('keydown', (e) => { this.#key(e) })
  }

  draw (): void {
    const c = this.call
    if (c.phase === 'over') { this.#over(); return }
    const standing = c.phase === 'in' || (c.phase === 'lost' && c.members.length > 0)
    if (!standing) {
      this.#root = undefined
      this.tiles.clear()
      const line = t(lead(c.phase, c.joined, c.state))
      if (line !== this.#wait) { this.#wait = line; message(line, [t('leave'), () => { c.leave() }], t('lostHint')); say(line) }
      return
    }
    this.#wait = ''
    if (this.#root === undefined) this.#build()
    this.#head()
    this.record.draw()
    this.tiles.silent = c.self.mode === 'companion'
    this.tiles.draw()
    if (this.#panel === 'chat') this.#read = c.chat.length
    this.#tools()
    panel(this.#parts.panel!, this.#panel, c, () => { if (this.#panel !== undefined) this.#open(this.#panel) })
  }

  // redraw says all of it in the language of now; the tiles stay, and what somebody was writing.
  redraw (): void {
    const draft = (): HTMLInputElement | null => app.querySelector<HTMLInputElement>('input[name=message]')
    const written = draft()?.value ?? ''
    this.#root = undefined
    this.#wait = ''
    this.#notes.draw()
    this.draw()
    void this.#net()
    const now = draft()
    if (now !== null) now.value = written
  }

  #over (): void {
    if (this.#wait === 'over') return
    this.#wait = 'over'
    this.tiles.clear()
    this.#root = undefined
    const e = this.call.ended!
    const own: Record<string, string> = { removed: t('removed'), left: t('left'), elsewhere: t('elsewhere') }
    const line = own[e.reason] ?? ((english() ? e.text.en : e.text.de) || t('over'))
    if (kiosk && ['left', 'hall', 'removed'].includes(e.reason)) outOfHall(e.reason === 'removed' ? line : t('hallLeft'))
    else message(line, [t('again'), () => { location.reload() }])
    this.record.draw()
    app.firstElementChild?.append(this.record.root) // a file that is not saved yet
    say(line)
  }

  #build (): void {
    const p: Record<string, HTMLElement> = this.#parts = {
      level: h('span', { class: 'level' }), sealed: h('span', { class: 'sealed' }), count: h('span', {}), net: h('span', {}), state: h('p', { class: 'state', role: 'alert' }),
      code: h('output', { class: 'code', 'aria-label': t('code') }), knocks: h('div', { class: 'knocks', 'aria-live': 'assertive' }),
      declare: h('div', { class: 'declare', role: 'alert', hidden: true }, h('p', {}, t('declareAsk')),
        h('button', { class: 'main', 'data-declare': 'yes', click: () => { void this.call.declare(true) } }, t('declareYes')),
        h('button', { 'data-declare': 'no', click: () => { void this.call.declare(false) } }, t('declareNot'))),
      raise: h('div', { class: 'raise', role: 'alert', hidden: true }, h('p', {}, t('raise')), h('button', { class: 'main', 'data-raise': '', click: () => { this.call.asks.raise() } }, t('raiseYes')),
        h('span', { class: 'apart' }, twice(t('endAll'), 'raise-end', () => { this.call.asks.endForAll() }))),
      panel: h('aside', { class: 'panel', tabindex: -1, hidden: true }), sound: h('button', { class: 'main', hidden: true, click: () => { this.tiles.unblock(); set(p.sound!, { hidden: true }) } }, t('sound'))
    }
    this.#root = h('div', { class: kiosk ? 'call kiosk' : 'call' },
      h('header', {}, h('div', { class: 'where' }, h('h1', {}, roomName), p.level, p.sealed, p.count, p.net),
        h('details', { class: 'key', open: kiosk }, h('summary', {}, h('span', { class: 'soft' }, t('code')), p.code!), kiosk && h('p', { class: 'soft', 'data-own-code': '' }, t('codeOwn')), h('p', { class: 'soft' }, t('codeHint')))),
      this.record.root, p.state, this.#notes.warnings, p.raise, p.declare, p.knocks, h('main', {}, this.tiles.root, p.panel), this.#notes.news, p.sound, p.bar = this.#bar())
    app.replaceChildren(this.#root, foot())
    this.#height.disconnect()
    this.#height.observe(p.bar)
  }

  #head (): void {
    const c = this.call
    const level = c.state?.level ?? c.joined?.level ?? 'confidential'
    document.documentElement.dataset.tone = level === 'public' || level === 'internal' ? 'open' : 'closed'
    text(this.#parts.level!, word('level', level))
    text(this.#parts.sealed!, c.state?.encryption === 'open' ? t('open') : t('e2ee'))
    text(this.#parts.count!, t('count', { n: String(c.members.length) }))
    text(this.#parts.net!, this.#quality)
    text(this.#parts.code!, c.code)
    const mine = c.person(c.leaf)
    text(this.#parts.state!, c.stuck ? t('stuck') : c.phase === 'lost' ? `${t('lost')} ${t('lostHint')}` : mine !== undefined && c.state?.floor === mine.id ? t('floorAsk') : '')
    set(this.#parts.raise!, { hidden: c.role !== 'chair' || c.state?.pending === undefined })
    set(this.#parts.declare!, { hidden: !c.undeclared })
    const waiting = [...c.knocks.values()].filter((k) => c.may('admit') && (k.lobby || c.role === 'chair'))
    panel(this.#parts.knocks!, waiting.length > 0 ? 'knocks' : undefined, c)
    if (waiting.length !== Number(this.#parts.knocks!.dataset.n ?? 0)) {
      this.#parts.knocks!.dataset.n = String(waiting.length)
      if (waiting.length > 0) say(`${t('knocks')}: ${waiting.length}`)
    }
  }

  #bar (): HTMLElement {
    const c = this.call
    const button = (name: string, press: () => void, key: string): HTMLButtonElement => {
      const b = h('button', { 'data-tool': name, 'aria-keyshortcuts': key, title: key, click: press }, icon(name), h('span', {}))
      this.#buttons.set(name, b)
      return b
    }
    const silent = c.self.mode === 'companion'
    return h('nav', { class: 'bar', 'aria-label': t('title') },
      !silent && button('microphone', () => { void this.#toggle('microphone') }, 'M'),
      !silent && button('camera', () => { void this.#toggle('camera') }, 'K'),
      !silent && !kiosk && h('label', { class: 'behind' }, icon('behind'), h('span', {}, t('behindTool')), behind(this.veil, (v) => { void this.#behind(v) }, t('behindTold'))),
      !kiosk && canShare() && button('screen', () => { void this.#toggle('screen') }, 'B'),
      button('hand', () => { c.asks.hand((c.person(c.leaf)?.hand ?? 0) === 0) }, 'H'),
      !kiosk && button('chat', () => { this.#open('chat') }, 'C'),
      button('people', () => { this.#open('people') }, 'T'),
      button('view', () => { this.#look() }, 'A'),
      button('leave', () => { c.leave() }, kiosk ? leaveKey : ''))
  }

  #key (e: KeyboardEvent): void {
    if (kiosk && e.key === leaveKey) { // whatever else is held, and also while the hall waits
      e.preventDefault()
      if (this.call.phase !== 'over') this.call.leave()
      return
    }
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || e.isComposing || this.#root === undefined) return
    if (e.key === 'Escape' && this.#panel !== undefined) { this.#open(this.#panel); return } // out of a line to write, too
    if (e.target instanceof HTMLElement && e.target.closest('input, textarea, select') !== null) return
    const name = { m: 'microphone', k: 'camera', b: 'screen', h: 'hand', c: 'chat', t: 'people', a: 'view' }[e.key.toLowerCase()]
    const button = name === undefined ? undefined : this.#buttons.get(name)
    if (button === undefined) return
    e.preventDefault() // where a line to write takes the focus, the key would be its first letter
    button.click()
  }

  // look goes round: grid, speaker, audio only.
  #look (): void {
    if (this.tiles.audioOnly) { this.tiles.audioOnly = false; this.tiles.view = 'grid' } else if (this.tiles.view === 'speaker') this.tiles.audioOnly = true
    else this.tiles.view = 'speaker'
    this.call.asks.prefer(this.tiles.audioOnly ? this.call.tracks.filter((x) => x.source !== 'microphone').map((x) => x.track) : undefined)
    this.draw()
  }

  #open (name: PanelName): void {
    const closing = this.#panel === name
    this.#panel = closing ? undefined : name
    this.draw()
    if (closing) this.#buttons.get(name)?.focus()
    else (this.#parts.panel!.querySelector<HTMLElement>('input') ?? this.#parts.panel!.querySelector<HTMLElement>('button') ?? this.#parts.panel!).focus()
  }

  #tools (): void {
    const c = this.call
    const show = (name: string, label: string, pressed: boolean | undefined, detail = ''): void => {
      const b = this.#buttons.get(name)
      if (b === undefined) return
      text(b.lastElementChild!, detail === '' ? label : `${label} ${detail}`)
      set(b, { 'aria-pressed': pressed === undefined ? undefined : String(pressed), disabled: this.#busy.has(name as Source), 'data-on': pressed === true })
    }
    for (const [name, on] of [['microphone', c.self.mic], ['camera', c.self.cam], ['screen', c.self.screen]] as const) show(name, t(name), on, this.#busy.has(name) ? t('turning') : on ? t('on') : t('off'))
    const place = c.person(c.leaf)?.hand ?? 0
    show('hand', t('hand'), place > 0, place > 0 ? String(place) : '')
    const unread = c.chat.length - this.#read
    show('chat', t('chat'), this.#panel === 'chat', unread > 0 ? `(${unread})` : '')
    show('people', t('peopleTool'), this.#panel === 'people', String(c.members.length))
    const next = this.tiles.audioOnly ? 'grid' : this.tiles.view === 'speaker' ? 'audioOnly' : 'speaker'
    show('view', t(next), undefined)
    const view = this.#buttons.get('view')!
    if (view.dataset.next !== next) view.firstElementChild!.replaceWith(icon(next))
    set(view, { 'data-next': next, 'aria-label': t('viewTo', { what: t(next) }) })
    show('leave', t('leave'), undefined)
    const behind = this.#root?.querySelector('select[name=behind]')
    if (behind) set(behind, { disabled: this.#busy.has('camera') })
    if (behind?.parentElement) set(behind.parentElement, { 'data-on': this.veil !== 'none' })
  }

  async #toggle (source: Source): Promise<void> {
    const c = this.call
    if (this.#busy.has(source)) return
    this.#busy.add(source)
    this.draw()
    try {
      if (c.track(source) !== undefined) await c.turnOff(source)
      else await this.#turnOn(source)
    } finally {
      this.#busy.delete(source)
      this.draw()
    }
  }

  // behind changes what is seen behind the person: the camera ends at once, and what comes in its place is as it is wanted now.
  async #behind (v: Veil): Promise<void> {
    const c = this.call
    this.veil = v
    const old = c.track('camera')
    if (old === undefined || this.#busy.has('camera')) return
    this.#busy.add('camera')
    this.draw()
    old.stop()
    try {
      await c.swap('camera', old, await this.#camera())
    } catch {
      this.#line(t('fCamera'))
      await c.turnOff('camera')
    } finally {
      this.#busy.delete('camera')
      this.draw()
    }
  }

  async #camera (): Promise<MediaStreamTrack> {
    return await hide(await openCamera(this.veil !== 'none'), this.veil, (given, instead) => {
      this.#line(t('fBehind'))
      if (given !== undefined) void this.call.swap('camera', given, instead)
    })
  }

  async #turnOn (source: Source): Promise<void> {
    let track: MediaStreamTrack
    try {
      track = source === 'microphone' ? await openMicrophone() : source === 'camera' ? await this.#camera() : await openScreen()
    } catch {
      this.#line(t(source === 'microphone' ? 'fMicrophone' : source === 'camera' ? 'fCamera' : 'fScreen'))
      return
    }
    try {
      await this.call.turnOn(source, track)
    } catch (err) {
      track.stop()
      console.warn('conference:', err)
      this.#line(t('fSealed'))
    }
  }

  note (n: Note): void {
    if (news.includes(n.what)) this.#line(noteLine(n), n.what)
    else this.#notes.warn(`${n.what} ${n.who ?? ''} ${n.text?.de ?? ''}`, n.what, () => noteLine(n))
  }

  #line (line: string, what = 'fault'): void { this.#notes.tell(line, what) }

  async #net (): Promise<void> {
    const q = await this.call.media?.quality().catch(() => undefined)
    if (q !== undefined) this.#met = this.call.media
    const net = netWord(q, this.#met !== undefined && this.#met === this.call.media)
    this.#quality = this.call.phase === 'in' && net !== undefined ? `${t('network')}: ${t(net)}` : ''
    if (this.#root !== undefined) text(this.#parts.net!, this.#quality)
  }
}

void before()
