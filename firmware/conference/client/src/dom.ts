// A few lines in place of a framework.
type Child = Node | string | undefined | false
type Props = Record<string, string | boolean | number | ((e: Event) => void) | undefined>

export function h<K extends keyof HTMLElementTagNameMap> (tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag)
  set(e, props)
  e.append(...children.filter((c): c is Node | string => c !== undefined && c !== false))
  return e
}

export function set (e: Element, props: Props): void {
  for (const [k, v] of Object.entries(props)) {
    if (typeof v === 'function') e.addEventListener(k, v)
    else if (v === undefined || v === false) e.removeAttribute(k)
    else if (e.getAttribute(k) !== (v === true ? '' : String(v))) e.setAttribute(k, v === true ? '' : String(v))
  }
}

export function text (e: Element, content: string): void { if (e.textContent !== content) e.textContent = content }

// paths of the icons, drawn for this page on a field of 24 by 24
const paths: Record<string, string> = {
  microphone: 'M12 3a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3ZM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3.5M8.5 21.5h7',
  camera: 'M3 7.5h11.5v9H3zM14.5 11l6-3.5v9l-6-3.5',
  screen: 'M3 5h18v11.5H3zM8.5 20h7M12 16.5V20',
  hand: 'M8 12V5.5a1.4 1.4 0 0 1 2.8 0V11V4a1.4 1.4 0 0 1 2.8 0v7V5.5a1.4 1.4 0 0 1 2.8 0V13v-2a1.4 1.4 0 0 1 2.6.4c0 5.6-1.4 9.6-6 9.6-3.4 0-4.600-1.6-7.400-6.400a1.400 1.400 0 0 1 2.300-1.500L8 15',
  chat: 'M4 4.500h16v11.500h-9L6.500 20v-4H4z',
  people: 'M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7ZM2.500 20c0-4 3-6.500 6.500-6.500s6.500 2.500 6.500 6.500M16 4.500a3.500 3.500 0 0 1 0 6.500M17.500 14c2.500.700 4 3 4 6',
  grid: 'M3.500 4h7.500v7H3.500zM13 4h7.500v7H13zM3.500 13h7.500v7H3.500zM13 13h7.500v7H13z',
  speaker: 'M3.500 4h17v10.500h-17zM3.500 17.500h4v2.500h-4zM10 17.500h4v2.500h-4zM16.500 17.500h4v2.500h-4z',
  audioOnly: 'M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM15.500 9a4.200 4.200 0 0 1 0 6M18 6.500a7.700 7.700 0 0 1 0 11',
  behind: 'M12 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM6.500 20c0-3.700 2.500-6 5.500-6s5.500 2.300 5.500 6M3.500 8V3.500H8M16 3.500h4.500V8M3.500 13v1M3.500 18v2.500M20.500 13v1M20.500 18v2.500',
  leave: 'M14 4H5v16h9M10 12h11M17.500 8.500 21 12l-3.500 3.500',
  more: 'M5 12h.010M12 12h.010M19 12h.010'
}

export function icon (name: string): SVGSVGElement {
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  set(svg, { viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true', fill: 'none', stroke: 'currentColor', 'stroke-width': name === 'more' ? 3 : 1.8, 'stroke-linecap': 'round', 'stroke-linejoin': 'round' })
  const p = document.createElementNS(ns, 'path')
  p.setAttribute('d', paths[name] ?? '')
  const slash = document.createElementNS(ns, 'path')
  set(slash, { d: 'M4 3.500 20 20.500', class: 'slash' })
  svg.append(p, slash)
  return svg
}
