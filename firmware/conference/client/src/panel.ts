// Panels: who is there, who waits, and the chat.
import { hex as toHex } from './bytes'
import { Call } from './call'
import { twice } from './confirm'
import { h, set } from './dom'
import { t, word } from './text'
import { MAX_TEXT, mayOrder, type Self } from './words'

export type PanelName = 'chat' | 'people' | 'knocks'

const drawn = new WeakMap<HTMLElement, string>()

// panel draws one into its place, if it differs from what stands there. close is for the button that panels beside the pictures have.
export function panel (place: HTMLElement, name: PanelName | undefined, c: Call, close: () => void = () => {}): void {
  set(place, { hidden: name === undefined, 'data-panel': name })
  const content = name === undefined ? '' : JSON.stringify([name, document.documentElement.lang, facts(name, c)])
  if (drawn.get(place) === content) return
  const same = drawn.get(place)?.startsWith(`["${name}"`) ?? false
  drawn.set(place, content)
  if (name === 'chat') chat(place, c, same, close)
  else if (name === 'people') keepFocus(place, people(c, close))
  else if (name === 'knocks') keepFocus(place, knocks(c))
  else place.replaceChildren()
}

function facts (name: PanelName, c: Call): unknown {
  if (name === 'chat') return c.chat.length
  if (name === 'knocks') return [...c.knocks.values()].map((k) => [k, how(c, k.participant)])
  return [c.members.map((m) => [m.leaf, m.role, c.nameOf(m.leaf), c.selves.get(m.leaf)]), c.state?.people, c.state?.floor, c.state?.stream, c.role, c.state?.pending, c.consent.phase, c.consent.allowed, c.undeclared, c.self.alone, c.state?.declare]
}

// keepFocus puts new content in place and the focus back on what has the same name.
function keepFocus (place: HTMLElement, content: HTMLElement[]): void {
  const at = document.activeElement instanceof HTMLElement && place.contains(document.activeElement) ? document.activeElement.dataset.do : undefined
  place.replaceChildren(...content)
  if (at !== undefined) place.querySelector<HTMLElement>(`[data-do="${CSS.escape(at)}"]`)?.focus()
}

const press = (label: string, id: string, click: () => void, kind = ''): HTMLElement => h('button', { type: 'button', class: kind, 'data-do': id, click }, label)

const top = (title: string, close: () => void): HTMLElement => h('div', { class: 'top' }, h('h2', {}, title), press(t('close'), 'close', close))

// how says in which ways somebody who knocks has signed in, by their verified binding.
function how (c: Call, participant: string): string {
  const who = c.knockers.get(participant)
  return who?.factors === undefined ? t('unverified') : t('by', { how: who.factors.map((f) => word('factor', f)).join(' + ') })
}

function knocks (c: Call): HTMLElement[] {
  const list = [...c.knocks.values()].filter((k) => k.lobby || c.role === 'chair')
  return [h('h2', {}, `${t('knocks')} (${list.length})`), h('ul', {}, ...list.map((k) => h('li', {},
    h('span', {}, `${word('role', c.knockers.get(k.participant)?.role ?? k.role)} ${k.member}`, h('small', {}, [how(c, k.participant), k.on_roster ? '' : t('notOnRoster'), k.lobby ? '' : k.by ? t('byClerk') : ''].filter((x) => x !== '').join(' · '))),
    h('span', { class: 'acts' }, press(t('admit'), `admit-${k.participant}`, () => { c.admit(k.participant) }, 'main'),
      press(t('refuse'), `refuse-${k.participant}`, () => { c.refuse(k.participant) }))))),
  // who is not on the roster is let in one by one
  ...(list.filter((k) => k.on_roster).length > 1 ? [press(t('admitAll'), 'admit-all', () => { for (const k of list) if (k.on_roster) c.admit(k.participant) }, 'main')] : [])]
}

function people (c: Call, close: () => void): HTMLElement[] {
  const order = mayOrder(c.role)
  const hands = c.members.flatMap((m) => { const p = c.person(m.leaf); return p !== undefined && p.hand > 0 ? [{ m, n: p.hand }] : [] }).sort((a, b) => a.n - b.n)
  const floor = c.members.find((m) => c.person(m.leaf)?.id === c.state?.floor && c.state?.floor !== undefined)
  const list = hands.length === 0 && floor === undefined
    ? []
    : [h('h2', {}, t('handList')), ...(floor ? [h('p', {}, `${c.nameOf(floor.leaf)} ${t('hasFloor')} `, order && press(t('takeFloor'), 'floor-off', () => { c.asks.floor(undefined) }))] : []),
        h('ol', {}, ...hands.map(({ m }) => h('li', {}, h('span', {}, c.nameOf(m.leaf)),
          order && h('span', { class: 'acts' }, press(t('giveFloor'), `floor-${m.leaf}`, () => { c.asks.floor(m.leaf); c.asks.lower(m.leaf) }, 'main'), press(t('lower'), `lower-${m.leaf}`, () => { c.asks.lower(m.leaf) })))))]
  return [top(t('people'), close), ...list, list.length > 0 && h('h2', {}, t('count', { n: String(c.members.length) })), h('ul', {}, ...c.members.map((m) => {
    const self = m.leaf === c.leaf ? c.self : c.selves.get(m.leaf)
    const own = m.leaf === c.leaf
    return h('li', {}, h('span', {}, `${c.nameOf(m.leaf)}${own ? ` (${t('you')})` : ''}`,
      h('small', {}, [word('role', m.role), declared(c, m.leaf, m.role, self), Call.fingerprint(m)].filter((x) => x !== '').join(' · '))),
    order && !own && h('span', { class: 'acts' }, self?.mic === true && press(t('mute'), `mute-${m.leaf}`, () => { void c.say({ t: 'mute', leaf: m.leaf }) }),
      m.role !== 'chair' && twice(t('remove'), `remove-${m.leaf}`, () => { c.remove(m.leaf) })))
  }), ...c.gateways.map((p) => h('li', { 'data-gateway': p.id }, h('span', {}, word('role', 'gateway'), h('small', {}, `${t('gatewayHint')} · ${p.member}`)),
    order && twice(t('remove'), `remove-${p.id}`, () => { c.asks.removeGateway(p.id) })))),
  ...(c.self.mode === 'person' && c.state?.declare === true ? [press(c.self.alone && !c.undeclared ? t('declareNo') : t('declareYes'), 'declare', () => { void c.declare(!(c.self.alone && !c.undeclared)) })] : []),
  ...(c.joined?.rule.recording !== true || !c.consent.allowed
    ? [h('p', { class: 'soft' }, t('noRecording'))]
    : order && c.consent.phase === 'none' ? [press(t('recAsk'), 'record-ask', () => { c.consent.ask(toHex(crypto.getRandomValues(new Uint8Array(8))), c.role) })] : []),
  ...(c.role === 'chair' && c.state?.pending !== undefined ? [h('p', {}, t('raise')), press(t('raiseYes'), 'raise', () => { c.asks.raise() }, 'main')] : []),
  ...(c.state?.stream !== undefined ? [h('p', { class: 'soft' }, t('streamNow', { n: String(c.state.stream.out) }))] : []),
  ...(c.may('end') && c.state?.stream !== undefined ? [press(t('streamEnd'), 'stream', () => { c.asks.stream(false) })] : []),
  ...(c.may('end') && c.joined?.rule.streams === true && c.state?.stream === undefined && c.state?.level === 'public' && c.state.pending === undefined
    ? [h('p', { class: 'soft' }, t('streamHint')), press(t('streamOpen'), 'stream', () => { c.asks.stream(true) })]
    : []),
  ...(c.may('end') ? [h('div', { class: 'apart' }, twice(t('endAll'), 'end', () => { c.asks.endForAll() }))] : [])].filter((e) => e !== false)
}

// declared: whoever says that nobody else is in their room is shown so; who was asked for it and has not is shown, too.
function declared (c: Call, leaf: number, role: string, self: Self | undefined): string {
  if (role === 'room' || self === undefined || self.mode !== 'person') return ''
  const asked = c.state?.declare === true
  const said = self.alone && (!asked || c.person(leaf)?.declaration !== false)
  return said ? t('aloneYes') : asked ? t('aloneNot') : ''
}

function chat (place: HTMLElement, c: Call, same: boolean, close: () => void): void {
  const time = (at: number): string => new Date(at).toLocaleTimeString(document.documentElement.lang, { hour: '2-digit', minute: '2-digit' })
  const lines = c.chat.map((m) => h('li', { 'data-own': m.own }, h('small', {}, `${m.from} · ${word('role', m.role)} · ${time(m.at)}`), h('p', {}, m.text)))
  let log = place.querySelector<HTMLElement>('.log')
  if (!same || log === null) {
    log = h('ul', { class: 'log', 'aria-live': 'polite', 'aria-label': t('chat') })
    const input = h('input', { name: 'message', maxlength: MAX_TEXT, autocomplete: 'off', 'aria-label': t('write'), placeholder: t('write') })
    place.replaceChildren(top(t('chat'), close), log, h('form', {
      class: 'row', submit: (e) => {
        e.preventDefault()
        const line = input.value.trim()
        if (line === '') return
        input.value = ''
        void c.say({ t: 'chat', text: line, at: Date.now() })
      }
    }, input, h('button', { class: 'main' }, t('send'))))
  }
  log.replaceChildren(...(lines.length === 0 ? [h('li', { class: 'soft' }, t('chatNone'))] : lines))
  log.scrollTop = log.scrollHeight
}
