// The recording's bar: the question, the red sign that all see while something is recorded, and the asker's file.
import type { Call } from './call'
import { h, set } from './dom'
import { Recording, type Recorded } from './recording'
import { t } from './text'

export class RecordBar {
  readonly root = h('div', { class: 'record', role: 'status', 'aria-live': 'assertive', hidden: true })
  #recording: Recording | undefined
  #files: Recorded[] = []
  #drawn = ''
  readonly #saved = new Set<string>()

  constructor (readonly call: Call, readonly view: HTMLElement, readonly failed: () => void) {
    window.addEventListener('beforeunload', (e) => { if (this.#files.some((f) => !this.#saved.has(f.url))) e.preventDefault() })
  }

  // record does on this device what everybody has agreed to.
  record (what: 'start' | 'pause' | 'resume' | 'stop'): void {
    try {
      if (what === 'start') this.#recording = new Recording(this.call, this.view, (n) => { set(this.root, { 'data-parts': n }) }, (r) => { this.#files.push(r); this.draw() })
      else this.#recording?.[what]()
    } catch (err) {
      console.warn('conference: recording:', err)
      queueMicrotask(() => { this.call.consent.stop(); this.failed() })
    }
    if (what === 'start' || what === 'stop') set(this.root, { 'data-parts': undefined })
    if (what === 'stop') this.#recording = undefined
  }

  draw (): void {
    const c = this.call.consent
    const over = this.call.phase === 'over'
    const now = JSON.stringify([c.phase, c.mine, c.asking, c.agreed, c.strangers, this.call.members.length, this.#files.length, document.documentElement.lang, over])
    if (now === this.#drawn) return
    this.#drawn = now
    const press = (label: string, id: string, click: () => void, kind = ''): HTMLElement => h('button', { type: 'button', class: kind, 'data-do': id, click: () => { click(); this.draw() } }, label)
    const parts: Array<HTMLElement | false> = []
    if (!over && c.phase !== 'none') {
      parts.push(c.phase === 'on' && h('strong', { class: 'running' }, t('recOn')), c.phase === 'paused' && h('strong', {}, t('recPaused')))
      if (c.asking) {
        parts.push(c.phase !== 'on' && h('span', {}, c.strangers ? t('recStranger') : t('recCount', { n: String(c.agreed), of: String(this.call.members.length) })), press(t('recStop'), 'record-stop', () => { c.stop() }))
      } else if (c.mine === undefined) {
        parts.push(h('span', {}, t('recAsked', { who: this.call.nameOf(c.asker) })), press(t('recYes'), 'record-yes', () => { c.answer(true) }), press(t('recNo'), 'record-no', () => { c.answer(false) }, 'main'))
      } else {
        parts.push(c.mine ? press(t('recBack'), 'record-no', () => { c.answer(false) }) : h('span', {}, t('recRefused')))
      }
    }
    for (const f of this.#files) parts.push(h('span', {}, h('a', { href: f.url, download: f.name, 'data-do': 'record-save', click: () => { this.#saved.add(f.url) } }, `${t('recSave')} (${(f.bytes / 1e6).toFixed(1)} MB)`), h('small', {}, t('recSaveHint'))))
    this.root.replaceChildren(...parts.filter((p): p is HTMLElement => p !== false))
    set(this.root, { hidden: this.root.childElementCount === 0, 'data-on': !over && c.phase === 'on' })
  }
}
