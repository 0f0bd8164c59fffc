// Recording is the asker's own device's: the view as it stands and all voices that are played, into a file that their browser holds
// until they save it. Nothing of it goes to the server.
import type { Call } from './call'

// SIZE of the picture, and RATE of pictures a second.
const SIZE = { width: 1280, height: 720 }
const RATE = 10
const types = ['video/webm;codecs=vp8,opus', 'video/mp4', 'video/webm']

export interface Recorded { url: string, name: string, bytes: number }

export class Recording {
  readonly #canvas = Object.assign(document.createElement('canvas'), SIZE)
  readonly #audio = new AudioContext()
  readonly #mix = this.#audio.createMediaStreamDestination()
  readonly #voices = new Map<MediaStreamTrack, MediaStreamAudioSourceNode>()
  readonly #recorder: MediaRecorder
  readonly #parts: Blob[] = []
  readonly #timer: number

  // view is the element that holds the tiles; grown is told how many parts of a second or so there are, done gets the file once it is whole.
  constructor (readonly call: Call, readonly view: HTMLElement, grown: (parts: number) => void, done: (r: Recorded) => void) {
    const mimeType = types.find((t) => MediaRecorder.isTypeSupported(t))
    if (mimeType === undefined) throw new Error('recording: this browser has no format for it')
    const [picture] = this.#canvas.captureStream(RATE).getVideoTracks()
    const at = new Date().toISOString().slice(0, 19).replace(/[T:]/g, '-')
    this.#recorder = new MediaRecorder(new MediaStream([picture!, ...this.#mix.stream.getAudioTracks()]), { mimeType, videoBitsPerSecond: 1_500_000 })
    this.#recorder.ondataavailable = (e) => {
      if (e.data.size === 0) return
      this.#parts.push(e.data)
      grown(this.#parts.length)
    }
    this.#recorder.onstop = () => {
      picture!.stop()
      void this.#audio.close()
      if (this.#parts.length === 0) return // over before there was anything
      const file = new Blob(this.#parts, { type: mimeType })
      done({ url: URL.createObjectURL(file), name: `${call.joined?.room ?? 'konferenz'}-${at}.${mimeType.includes('mp4') ? 'mp4' : 'webm'}`, bytes: file.size })
    }
    this.#draw()
    this.#recorder.start(1000)
    this.#timer = window.setInterval(() => { if (this.#recorder.state === 'recording') this.#draw() }, 1000 / RATE)
  }

  pause (): void {
    if (this.#recorder.state === 'recording') this.#recorder.pause()
    this.#hear([])
  }

  resume (): void { if (this.#recorder.state === 'paused') { this.#draw(); this.#recorder.resume() } }

  stop (): void {
    clearInterval(this.#timer)
    this.#hear([])
    if (this.#recorder.state !== 'inactive') this.#recorder.stop()
  }

  #draw (): void {
    const c = this.call
    const own = c.self.mic ? c.track('microphone') : undefined
    this.#hear([...c.tracks.filter((t) => t.source === 'microphone' && c.selves.get(t.leaf)?.mic === true).map((t) => t.receiver.track), ...(own === undefined ? [] : [own])])
    const g = this.#canvas.getContext('2d')!
    g.fillStyle = '#1c1819'
    g.fillRect(0, 0, SIZE.width, SIZE.height)
    const all = this.view.getBoundingClientRect()
    if (all.width === 0 || all.height === 0) return
    const by = Math.min(SIZE.width / all.width, SIZE.height / all.height)
    const [left, top] = [(SIZE.width - all.width * by) / 2, (SIZE.height - all.height * by) / 2]
    for (const tile of this.view.querySelectorAll<HTMLElement>('.tile')) {
      const r = tile.getBoundingClientRect()
      this.#tile(g, tile, left + (r.left - all.left) * by, top + (r.top - all.top) * by, r.width * by, r.height * by)
    }
  }

  #tile (g: CanvasRenderingContext2D, tile: HTMLElement, x: number, y: number, w: number, h: number): void {
    g.fillStyle = '#3a3033'
    g.fillRect(x, y, w, h)
    const video = tile.querySelector('video')
    if (tile.dataset.mode === 'live' && video !== null && video.videoWidth > 0) {
      const by = (tile.dataset.source === 'screen' ? Math.min : Math.max)(w / video.videoWidth, h / video.videoHeight)
      const [pw, ph] = [video.videoWidth * by, video.videoHeight * by]
      g.save()
      g.beginPath()
      g.rect(x, y, w, h)
      g.clip()
      g.drawImage(video, x + (w - pw) / 2, y + (h - ph) / 2, pw, ph)
      g.restore()
    }
    g.fillStyle = '#fff5f8'
    g.font = '20px system-ui, sans-serif'
    g.fillText(tile.querySelector('.name')?.textContent ?? '', x + 12, y + h - 14, Math.max(0, w - 24))
  }

  // hear mixes these voices and no others.
  #hear (tracks: MediaStreamTrack[]): void {
    for (const [t, node] of this.#voices) if (!tracks.includes(t)) { node.disconnect(); this.#voices.delete(t) }
    for (const t of tracks) {
      if (this.#voices.has(t) || t.readyState === 'ended') continue
      const node = this.#audio.createMediaStreamSource(new MediaStream([t]))
      node.connect(this.#mix)
      this.#voices.set(t, node)
    }
  }
}
