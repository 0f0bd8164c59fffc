// Notes are what the page tells beside the call: news, which goes by itself, and warnings, which stay until somebody has put them away.
import type { Note } from './call'
import { h, text } from './dom'
import { english, t, word } from './text'

// news are the notes that go by themselves; whatever else there is to tell stays.
export const news: readonly Note['what'][] = ['joined', 'left', 'muted', 'please-mute', 'stream-on', 'stream-off']

// noteLine says a note in the language of now.
export function noteLine (n: Note): string {
  const detail = (n.detail ?? '').split(', ').map((d) => { const [k = '', ...rest] = d.split(' '); return [word('fact', k), ...rest].join(' ') }).join(', ')
  const fill = { who: n.who || (n.role ? word('role', n.role) : '?'), detail }
  switch (n.what) {
    case 'joined': return t('nJoined', fill)
    case 'left': return n.by ? t('nLeftBy', { ...fill, by: n.by }) : t('nLeft', fill)
    case 'frames': return t('nFrames', fill)
    case 'commit': return t('nCommit', fill)
    case 'tripwire': return t('nTripwire', fill)
    case 'muted': return t('nMuted', fill)
    case 'stream-on': return t('nStreamOn')
    case 'stream-off': return t('nStreamOff')
    case 'please-mute': return t('nPlease', fill)
    case 'passkey': return t('nPasskey', fill)
    case 'sealed': return t('fSealed')
    case 'level': return t('nLevel', { detail: word('level', n.detail ?? '') })
    case 'server': return `${(english() ? n.text?.en : n.text?.de) ?? ''}${n.who ? ` (${n.who})` : ''}`
  }
}

// NEWS is how long news stays, in ms, SHOWN how much of it at once, and KEPT how many different warnings have a line of their own.
const NEWS = 12_000
const SHOWN = 3
const KEPT = 30

interface Warning { root: HTMLElement, line: HTMLElement, close: HTMLElement, say: () => string, times: number }

export class Notes {
  readonly news = h('div', { class: 'notes', 'aria-live': 'polite' })
  readonly warnings = h('div', { class: 'warnings', role: 'alert', hidden: true })
  #warned = new Map<string, Warning>()

  tell (line: string, what: string): void {
    const p = h('p', { 'data-what': what }, line)
    this.news.prepend(p)
    while (this.news.children.length > SHOWN) this.news.lastElementChild!.remove()
    setTimeout(() => { p.remove() }, NEWS)
  }

  // warn has one line for what is the same, and counts how often it came; the last of it is shown.
  warn (key: string, what: string, say: () => string): void {
    if (!this.#warned.has(key) && this.#warned.size >= KEPT) { key = what = 'more'; say = () => t('warnMore') }
    let w = this.#warned.get(key)
    if (w === undefined) {
      const [line, close] = [h('p', {}), h('button', { type: 'button', 'data-do': 'dismiss', click: () => { this.#dismiss(key) } })]
      w = { root: h('div', { 'data-what': what }, line, close), line, close, say, times: 0 }
      this.#warned.set(key, w)
      this.warnings.append(w.root)
    }
    w.say = say
    w.times++
    this.#draw(w)
    this.warnings.hidden = false
  }

  #draw (w: Warning): void {
    text(w.line, `${w.say()}${w.times > 1 ? ` (${w.times}×)` : ''}`)
    text(w.close, t('dismiss'))
  }

  // draw says them all in the language of now.
  draw (): void { for (const w of this.#warned.values()) this.#draw(w) }

  #dismiss (key: string): void {
    const w = this.#warned.get(key)
    this.#warned.delete(key)
    const next = w?.root.nextElementSibling ?? w?.root.previousElementSibling
    w?.root.remove()
    this.warnings.hidden = this.#warned.size === 0
    next?.querySelector('button')?.focus()
  }
}
