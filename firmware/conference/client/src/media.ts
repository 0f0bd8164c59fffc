// Media is the one PeerConnection of this device. Its transceivers send only or receive only, and each has its transform
// before anything of it is negotiated. A track stays disabled (silence, black) until the worker has confirmed a frame of
// it that went out sealed.
import type { Codec, Source } from './frames'
import type { SendMid, TrackMid } from './signal'
import { scriptUrl } from './trusted'
import type { Wanted } from './wanted'
import type { FromWorker, ToWorker, TrackCount, TransformOptions } from './wire'

declare const RTCRtpScriptTransform: new (worker: Worker, options: TransformOptions) => unknown

const order: readonly Source[] = ['microphone', 'camera', 'screen']

export interface Incoming extends Wanted { id: string, stream: MediaStream, receiver: RTCRtpReceiver, fresh: boolean, ok: number, refused: number, dark: number }

export interface MediaEvents {
  changed: () => void
  failed: () => void // the connection is gone, or was never made
  refused: (track: Incoming, count: TrackCount) => void
  lost: (track: Incoming) => void // a picture has no frame that opens any more
  offer: (n: number, fresh: boolean, sdp: string, send: SendMid[], receive: TrackMid[]) => void
}

// supported says whether this browser can seal frames at all, and has the curves of the group (Chromium 137, Firefox 130, Safari 17 and
// newer, by the browsers' own compatibility data; asked for here, not looked up). Without it there is no call: never plaintext.
export async function supported (): Promise<boolean> {
  if (typeof RTCPeerConnection === 'undefined' || !('RTCRtpScriptTransform' in globalThis) || typeof globalThis.crypto?.subtle === 'undefined') return false
  const curves = [['Ed25519', ['sign', 'verify']], ['X25519', ['deriveBits']]] as const
  const has = await Promise.all(curves.map(([name, uses]) => crypto.subtle.generateKey({ name }, false, uses).then(() => true, () => false)))
  return has.every(Boolean)
}

// STALE is how long a picture may stand without a new frame that opened, in ms; then it is blanked.
const STALE = 3000
// CONFIRM is how long the worker may take to confirm a sealed frame of a track, in ms.
const CONFIRM = 10_000

export class Media {
  readonly worker: Worker
  readonly incoming = new Map<string, Incoming>() // by track
  #pc: RTCPeerConnection | undefined
  #ice: RTCIceServer[] = []
  #senders = new Map<Source, RTCRtpTransceiver>()
  #connection = 0 // names the senders in the worker's counts, which may be late
  #active = new Set<Source>()
  #slots: Array<{ transceiver: RTCRtpTransceiver, kind: 'audio' | 'video', track: string | undefined }> = []
  #wanted: Wanted[] = []
  #sent = new Map<string, number>()
  #turned = new Map<number, () => void>()
  #serial = 0
  #n = 0
  #fresh = true
  #running = false
  #again = false
  #answers = new Map<number, (sdp: string) => void>()
  #told = new Set<Source>() // what an answered offer of this connection says that is sent
  #waiting: Array<() => void> = [] // for the end of the round

  constructor (workerUrl: string, readonly codec: Codec, readonly on: MediaEvents) {
    this.worker = new Worker(scriptUrl(workerUrl), { type: 'module' })
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => { this.#hear(data) }
  }

  #tell (m: ToWorker): void { this.worker.postMessage(m) }

  hold (ends: number): void { this.#tell({ type: 'hold', ends }) }
  drop (): void { this.#tell({ type: 'drop' }) }

  turn (roomTag: number, leaf: number, epoch: bigint, own: Uint8Array | undefined, coming: number[], removal: boolean): Promise<void> {
    const reply = ++this.#serial
    return new Promise((resolve) => {
      this.#turned.set(reply, resolve)
      this.#tell({ type: 'turn', roomTag, leaf, epoch, own, coming, removal, reply })
    })
  }

  key (epoch: bigint, leaf: number, secret: Uint8Array): void { this.#tell({ type: 'key', epoch, leaf, secret }) }

  #hear (m: FromWorker): void {
    if (m.type === 'turned') {
      this.#turned.get(m.reply)?.()
      this.#turned.delete(m.reply)
    } else if (m.type === 'counts') this.#count(m.tracks)
  }

  #count (tracks: TrackCount[]): void {
    let changed = false
    const byId = new Map([...this.incoming.values()].map((x) => [x.id, x]))
    for (const t of tracks) {
      const track = byId.get(t.id)
      if (track === undefined) { this.#sent.set(t.id, t.ok); continue }
      const fresh = t.last >= 0 && t.last < STALE
      if (fresh !== track.fresh) changed = true
      track.fresh = fresh
      track.ok = t.ok
      if (t.refused > track.refused) this.on.refused(track, t)
      track.refused = t.refused
      if (fresh) track.dark = 0
      else if (++track.dark === 6) this.on.lost(track)
    }
    if (changed) this.on.changed()
  }

  // connect resolves once the server has answered a first offer.
  connect (ice: RTCIceServer[], send: readonly Source[]): Promise<void> {
    this.#ice = ice
    this.#open(send)
    this.#negotiate()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  get connected (): boolean { return this.#pc?.connectionState === 'connected' }

  #open (send: readonly Source[]): void {
    const pc = new RTCPeerConnection({ iceServers: this.#ice, bundlePolicy: 'max-bundle', rtcpMuxPolicy: 'require' })
    this.#pc = pc
    this.#fresh = true
    this.#told.clear()
    this.#sent.clear()
    this.#connection++
    pc.onconnectionstatechange = () => { if (pc.connectionState === 'failed' && pc === this.#pc) this.on.failed() }
    for (const source of order.filter((s) => send.includes(s))) {
      const audio = source === 'microphone'
      const sendEncodings: RTCRtpEncodingParameters[] = source === 'camera'
        ? [{ rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 120_000 }, { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 400_000 }, { rid: 'f', maxBitrate: 1_200_000 }]
        : [{ maxBitrate: audio ? 40_000 : 1_500_000 }]
      const t = pc.addTransceiver(audio ? 'audio' : 'video', { direction: 'sendonly', sendEncodings })
      const codec: Codec = audio ? 'opus' : this.codec
      setTransform(t.sender, this.worker, { role: 'send', id: this.#sender(source), source, codec })
      prefer(t, codec)
      this.#senders.set(source, t)
    }
  }

  #sender (source: Source): string { return `send-${source}-${this.#connection}` }

  // renew replaces a connection that was lost; what was sent is sent again.
  async renew (): Promise<void> {
    const tracks = new Map([...this.#senders].map(([s, t]) => [s, t.sender.track]))
    const send = [...this.#senders.keys()]
    this.#pc?.close()
    this.incoming.clear()
    this.#senders.clear()
    this.#slots = []
    this.#answers.clear()
    this.#running = false
    this.#open(send)
    const pc = this.#pc
    for (const [source, track] of tracks) {
      const sender = this.#senders.get(source)?.sender
      if (track === null || sender === undefined) continue
      await sender.replaceTrack(track)
      if (source === 'camera') await layers(sender, track)
    }
    if (pc === this.#pc) this.#negotiate()
  }

  // want says what is to be received; what is there already stays.
  want (wanted: Wanted[]): void {
    const key = (w: Wanted[]): string => JSON.stringify(w.map((x) => [x.track, x.leaf, x.source]).sort())
    if (key(wanted) === key(this.#wanted)) return
    this.#wanted = wanted
    this.#negotiate()
  }

  // place gives each wanted track an m-line, with its transform, before it is offered.
  #place (pc: RTCPeerConnection): void {
    const want = new Map(this.#wanted.map((w) => [w.track, w]))
    for (const slot of this.#slots) {
      const there = slot.track === undefined ? undefined : want.get(slot.track)
      if (slot.track !== undefined && (there === undefined || there.leaf !== this.incoming.get(slot.track)?.leaf)) {
        this.incoming.delete(slot.track)
        slot.track = undefined
        slot.transceiver.direction = 'inactive'
      }
    }
    for (const w of this.#wanted) {
      if (this.incoming.has(w.track)) continue
      const kind = w.source === 'microphone' ? 'audio' : 'video'
      let slot = this.#slots.find((s) => s.kind === kind && s.track === undefined)
      if (slot === undefined) {
        slot = { transceiver: pc.addTransceiver(kind, { direction: 'recvonly' }), kind, track: undefined }
        prefer(slot.transceiver, kind === 'audio' ? 'opus' : this.codec)
        this.#slots.push(slot)
      }
      slot.track = w.track
      slot.transceiver.direction = 'recvonly'
      const { receiver } = slot.transceiver
      const id = `receive-${++this.#serial}`
      setTransform(receiver, this.worker, { role: 'receive', id, source: w.source, codec: kind === 'audio' ? 'opus' : this.codec, leaf: w.leaf })
      this.incoming.set(w.track, { ...w, id, stream: new MediaStream([receiver.track]), receiver, fresh: false, ok: 0, refused: 0, dark: 0 })
    }
  }

  #negotiate (): void {
    if (this.#running) { this.#again = true; return }
    this.#running = true
    const pc = this.#pc
    void this.#round(pc).then(() => {
      if (pc !== this.#pc) return
      this.#running = false
      this.on.changed()
      for (const done of this.#waiting.splice(0)) done()
      if (this.#again) { this.#again = false; this.#negotiate() }
    }, (err: unknown) => {
      if (pc !== this.#pc) return
      this.#running = false
      console.warn('media:', err)
      this.on.failed()
    })
  }

  async #round (pc: RTCPeerConnection | undefined): Promise<void> {
    if (pc === undefined) return
    this.#place(pc)
    const { sdp: offered } = await pc.createOffer()
    await pc.setLocalDescription({ type: 'offer', sdp: repairable(offered ?? '') })
    if (pc !== this.#pc) return // renewed meanwhile: the lines are another connection's
    const n = ++this.#n
    const answer = new Promise<string>((resolve, reject) => {
      this.#answers.set(n, resolve)
      setTimeout(() => { this.#answers.delete(n); reject(new Error('no answer to an offer')) }, 10_000)
    })
    const send = [...this.#senders].filter(([s]) => this.#active.has(s)).map(([source, t]) => ({ mid: t.mid ?? '', source }))
    const receive = this.#slots.filter((s) => s.track !== undefined).map((s) => ({ mid: s.transceiver.mid ?? '', track: s.track! }))
    this.on.offer(n, this.#fresh && n > 1, pc.localDescription?.sdp ?? '', send, receive)
    this.#fresh = false
    const sdp = await answer
    if (pc !== this.#pc) return
    await pc.setRemoteDescription({ type: 'answer', sdp })
    if (pc === this.#pc) this.#told = new Set(send.map((s) => s.source))
  }

  answered (n: number, sdp: string): void {
    this.#answers.get(n)?.(sdp)
    this.#answers.delete(n)
  }

  // negotiated waits until the server knows of a source. Others that come and go meanwhile are not waited for.
  async #negotiated (source: Source): Promise<void> {
    while (this.#active.has(source) && !this.#told.has(source)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  // send starts a source. The track is heard and seen only when the worker has sealed a frame of it.
  async send (source: Source, track: MediaStreamTrack): Promise<void> {
    const t = this.#senders.get(source)
    if (t === undefined) throw new Error(`media: nothing of ${source} is sent from here`)
    track.enabled = false
    const before = this.#sent.get(this.#sender(source)) ?? 0
    await t.sender.replaceTrack(track)
    if (source === 'camera') await layers(t.sender, track)
    this.#active.add(source)
    this.#negotiate()
    await this.#negotiated(source)
    try {
      await this.#confirmed(source, before)
    } catch (err) {
      await this.silence(source)
      throw err
    }
    if (t.sender.track !== null) t.sender.track.enabled = true
  }

  // swap sends another picture in the place of one that is sent; before a frame of that was sealed, it stays dark like it.
  async swap (source: Source, track: MediaStreamTrack): Promise<void> {
    const sender = this.#senders.get(source)?.sender
    if (sender?.track == null) return
    track.enabled = sender.track.enabled
    await sender.replaceTrack(track)
    if (source === 'camera') await layers(sender, track)
  }

  // confirmed waits for a frame that was sealed since send began; of a connection made anew meanwhile, for its first.
  async #confirmed (source: Source, before: number): Promise<void> {
    const connection = this.#connection
    const until = performance.now() + CONFIRM
    while (this.#active.has(source) && (this.#sent.get(this.#sender(source)) ?? 0) <= (connection === this.#connection ? before : 0)) {
      if (performance.now() > until) throw new Error(`media: no sealed frame of ${source} went out`)
      this.#tell({ type: 'count' })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  async silence (source: Source): Promise<void> {
    await this.#senders.get(source)?.sender.replaceTrack(null)
    if (this.#active.delete(source)) this.#negotiate()
  }

  // quality is loss and round trip of the last seconds as the browser measures them.
  async quality (): Promise<{ loss: number, rtt: number } | undefined> {
    const pc = this.#pc
    if (pc === undefined || pc.connectionState !== 'connected') return undefined
    let lost = 0
    let packets = 0
    let rtt = 0
    ;(await pc.getStats()).forEach((s: Record<string, unknown>) => {
      if (s.type === 'inbound-rtp') { lost += Number(s.packetsLost ?? 0); packets += Number(s.packetsReceived ?? 0) }
      if (s.type === 'candidate-pair' && s.nominated === true) rtt = Math.max(rtt, Number(s.currentRoundTripTime ?? 0))
    })
    const d = { lost: Math.max(0, lost - this.#before.lost), packets: Math.max(0, packets - this.#before.packets) }
    this.#before = { lost, packets }
    return { loss: d.lost + d.packets > 0 ? d.lost / (d.lost + d.packets) : 0, rtt }
  }

  #before = { lost: 0, packets: 0 }

  close (): void {
    this.drop()
    this.#pc?.close()
    this.#pc = undefined
    this.incoming.clear()
    this.worker.terminate()
  }
}

function setTransform (half: RTCRtpSender | RTCRtpReceiver, worker: Worker, options: TransformOptions): void {
  (half as unknown as { transform: unknown }).transform = new RTCRtpScriptTransform(worker, options)
}

// prefer leaves one codec: no other, no retransmission stream, no redundancy.
function prefer (t: RTCRtpTransceiver, codec: Codec): void {
  const kind = codec === 'opus' ? 'audio' : 'video'
  const known = (RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [])
    .filter((c) => c.mimeType.toLowerCase() === `${kind}/${codec}` && !/profile-id=[1-9]/.test(c.sdpFmtpLine ?? ''))
  if (known.length === 0) throw new Error(`media: this browser has no ${codec}`)
  t.setCodecPreferences(known)
}

// repairable asks that lost packets of speech are sent again, too (RFC 4585, 6.2.1): browsers offer that of pictures only, though
// their jitter buffers can wait for it, and what the server forwards knows nothing of the losses of each receiver, so that
// Opus's own redundancy does not come. Browsers that do not know it leave the line out.
export const repairable = (sdp: string): string =>
  sdp.replace(/^a=rtpmap:(\d+) opus\/48000\/2\r\n/gim, (line, pt: string) => sdp.includes(`a=rtcp-fb:${pt} nack\r\n`) ? line : `${line}a=rtcp-fb:${pt} nack\r\n`)

// layers turns off the layers that a small picture does not need.
async function layers (sender: RTCRtpSender, track: MediaStreamTrack): Promise<void> {
  const height = track.getSettings().height ?? 720
  const p = sender.getParameters()
  if (p.encodings.length < 3) return
  p.encodings[0]!.active = height >= 360
  p.encodings[1]!.active = height >= 540
  await sender.setParameters(p).catch(() => {})
}
