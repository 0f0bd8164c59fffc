// Check is the choice of what is seen of somebody, and the look at the devices before joining.
import { veil, veils, type Veil } from './background'
import { meter, openCamera, openMicrophone, tone } from './devices'
import { h, text } from './dom'
import { t } from './text'

// behind lets people choose what is seen of what is behind them.
export function behind (now: Veil, chosen: (v: Veil) => void, name = t('behind')): HTMLSelectElement {
  const label: Record<Veil, string> = { none: t('veilNone'), blur: t('veilBlur'), neutral: t('veilNeutral'), whole: t('veilWhole') }
  const s = h('select', { id: 'behind', name: 'behind', 'aria-label': name, change: () => { chosen(s.value as Veil) } }, ...veils.map((v) => h('option', { value: v, selected: v === now }, label[v])))
  return s
}

// deviceCheck shows camera and microphone before joining; nothing is sent.
export function deviceCheck (how: () => Veil): { root: HTMLElement, stop: () => void } {
  const video = h('video', { autoplay: true, playsinline: true, muted: true, hidden: true, 'aria-label': t('camera') })
  video.muted = true
  const bar = h('meter', { min: 0, max: 1, value: 0, hidden: true, 'aria-label': t('micLevel') })
  const fault = h('p', { class: 'fault', role: 'alert' })
  const ends: Array<() => void> = []
  let round = 0 // what is opened for a check that is over is closed again
  const stop = (): void => { round++; for (const end of ends.splice(0)) end(); video.hidden = bar.hidden = true; video.srcObject = null }
  const camera = h('button', { type: 'button', click: () => {
    text(fault, '')
    stop()
    const mine = round
    const show = (track: MediaStreamTrack): void => { if (mine !== round) { track.stop(); return } ends.push(() => { track.stop() }); video.srcObject = new MediaStream([track]); video.hidden = false }
    openCamera(how() !== 'none').then((track) => hide(track, how(), (_, instead) => { text(fault, t('fBehind')); show(instead) })).then(show, () => { text(fault, t('fCamera')) })
  } }, t('checkCamera'))
  const mic = h('button', { type: 'button', click: () => {
    text(fault, '')
    openMicrophone().then((track) => { ends.push(meter(track, (v) => { bar.value = v })); bar.hidden = false }, () => { text(fault, t('fMicrophone')) })
  } }, t('checkMic'))
  const root = h('details', { class: 'check' }, h('summary', {}, t('check')), h('p', { class: 'soft' }, t('checkHint')),
    h('div', { class: 'row' }, camera, mic, h('button', { type: 'button', click: () => { tone() } }, t('checkSound')), h('button', { type: 'button', click: stop }, t('checkStop'))), video, bar, fault)
  return { root, stop }
}

// hide hides what is behind a camera, if that is wanted.
export const hide = async (camera: MediaStreamTrack, how: Veil, failed: (given: MediaStreamTrack | undefined, instead: MediaStreamTrack) => void): Promise<MediaStreamTrack> =>
  how === 'none' ? camera : await veil(camera, how, (why, given, instead) => { console.warn('conference: background:', why); failed(given, instead) })
