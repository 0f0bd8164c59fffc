// Confirm makes buttons that act at the second press: the first has them ask, for some seconds. A list that is drawn anew meanwhile
// goes on asking.
import { h, set, text } from './dom'
import { t } from './text'

// ASKS is how long a button asks, TWICE how long a second press is taken for a part of the first, in ms.
const ASKS = 5000
const TWICE = 350

const asked = new Map<string, number>() // since when, by the button's name

// twice is a button of a name that stays the same when it is drawn anew.
export function twice (label: string, id: string, act: () => void, kind = ''): HTMLButtonElement {
  const name = h('span', {}, label)
  const b = h('button', { type: 'button', class: `${kind} twice`.trim(), 'data-do': id, click: () => { press() } }, name)
  const draw = (): void => {
    const left = (asked.get(id) ?? -Infinity) + ASKS - performance.now()
    if (left <= 0) asked.delete(id)
    text(name, left > 0 ? t('really', { what: label }) : label)
    set(b, { 'data-asks': left > 0 })
    if (left > 0) setTimeout(draw, left + 10)
  }
  const press = (): void => {
    const since = asked.get(id)
    if (since === undefined) {
      asked.set(id, performance.now())
      draw()
      const says = document.getElementById('says') // a changed name is not read out by every screen reader
      if (says !== null) text(says, name.textContent ?? '')
    } else if (performance.now() - since > TWICE) {
      asked.delete(id)
      draw()
      act()
    }
  }
  draw()
  return b
}
