// Background gives a camera's track with what is behind the person hidden. It fails closed: the camera's own track is never given
// out, no picture is before the first that was cut, and when model or worker fail or stall, the whole picture is unsharp.
import type { FromBackground, ToBackground } from './backgroundworker'
import { GRAIN, sizeOf, type Cover } from './cutter'
import { scriptUrl } from './trusted'

// Veil is what people choose from; whole needs no model.
export type Veil = 'none' | Cover | 'whole'
export const veils: readonly Veil[] = ['none', 'blur', 'neutral', 'whole']

const MODEL = '/client/blur/selfie_segmentation_landscape.tflite'
const WORKER = '/client/blur/background.js'
// LOAD is how long worker and model may take until the first picture, STALL how long one picture may take; in ms.
const LOAD = 15_000
const STALL = 3000

declare const MediaStreamTrackProcessor: (new (o: { track: MediaStreamTrack, maxBufferSize: number }) => { readable: ReadableStream<VideoFrame> }) | undefined
declare const MediaStreamTrackGenerator: (new (o: { kind: 'video' }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> }) | undefined

// Failed is told that the model's work has ended; instead is the whole picture unsharp, in place of the track that was given out.
export type Failed = (why: string, given: MediaStreamTrack | undefined, instead: MediaStreamTrack) => void

// veil resolves to a track that may be sent. It owns the camera's: stopping the one stops the other.
export async function veil (camera: MediaStreamTrack, how: Exclude<Veil, 'none'>, failed: Failed): Promise<MediaStreamTrack> {
  if (how === 'whole') return soften(camera)
  return await new Promise((resolve) => {
    const worker = new Worker(scriptUrl(WORKER), { type: 'module' })
    const out = pipe(camera, worker, how)
    let given: MediaStreamTrack | undefined
    let over = false
    let since = performance.now()
    let busy = true
    const end = (): void => { over = true; clearInterval(watch); worker.terminate(); out.end() }
    const fail = (why: string): void => {
      if (over) return
      end()
      const instead = soften(camera)
      failed(why, given, instead)
      if (given === undefined) resolve(instead)
    }
    const watch = setInterval(() => {
      if (camera.readyState === 'ended') { end(); if (given !== undefined) given.dispatchEvent(new Event('ended')); else resolve(out.track); return }
      if (busy && performance.now() - since > (given === undefined ? LOAD : STALL)) fail('stalled')
    }, 250)
    worker.onerror = () => { fail('worker') }
    worker.onmessage = ({ data: m }: MessageEvent<FromBackground>) => {
      if (over) return
      if (m.type === 'failed') { fail(m.why); return }
      if (m.type === 'took') { if (!busy) { busy = true; since = performance.now() } return }
      out.hear(m)
      if (m.type !== 'gave') return
      busy = false
      if (given === undefined) resolve(given = out.track)
    }
    const stop = out.track.stop.bind(out.track)
    out.track.stop = () => { if (!over) end(); camera.stop(); stop() }
  })
}

interface Pipe { track: MediaStreamTrack, hear: (m: FromBackground) => void, end: () => void }

function pipe (camera: MediaStreamTrack, worker: Worker, cover: Cover): Pipe {
  const tell = (m: ToBackground, move: Transferable[]): void => { worker.postMessage(m, move) }
  if (typeof MediaStreamTrackProcessor !== 'undefined' && typeof MediaStreamTrackGenerator !== 'undefined') {
    const track = new MediaStreamTrackGenerator({ kind: 'video' })
    const { readable } = new MediaStreamTrackProcessor({ track: camera, maxBufferSize: 1 })
    const { writable } = track
    tell({ type: 'start', model: MODEL, cover, streams: { readable, writable } }, [readable as unknown as Transferable, writable as unknown as Transferable])
    return { track, hear: () => {}, end: () => {} }
  }
  tell({ type: 'start', model: MODEL, cover }, [])
  const video = watching(camera)
  const canvas = document.createElement('canvas')
  const g = canvas.getContext('2d')!
  const track = canvas.captureStream(15).getVideoTracks()[0]!
  let idle = false
  let rest = 0 // until when nothing is asked for: at most half of a core is used
  const timer = setInterval(() => {
    if (!idle || video.videoWidth === 0 || performance.now() < rest) return
    idle = false
    const { width, height } = sizeOf(video.videoWidth, video.videoHeight)
    createImageBitmap(video, { resizeWidth: width, resizeHeight: height }).then((picture) => { tell({ type: 'picture', picture }, [picture]) }, () => { idle = true })
  }, 66)
  return {
    track,
    end: () => { clearInterval(timer) },
    hear: (m) => {
      idle = true
      if (m.type !== 'gave' || m.picture === undefined) return
      rest = performance.now() + m.ms
      Object.assign(canvas, sizeOf(m.picture.width, m.picture.height))
      g.drawImage(m.picture, 0, 0)
      m.picture.close()
    }
  }
}

function watching (track: MediaStreamTrack): HTMLVideoElement {
  const video = document.createElement('video')
  video.muted = true
  video.playsInline = true
  video.srcObject = new MediaStream([track])
  void video.play()
  return video
}

// soften gives a track with the whole picture blurred: small and stretched again, which needs no model and no filter.
export function soften (track: MediaStreamTrack): MediaStreamTrack {
  const video = watching(track)
  const small = document.createElement('canvas')
  const big = document.createElement('canvas')
  const out = big.captureStream(20).getVideoTracks()[0]!
  const timer = setInterval(() => {
    if (track.readyState === 'ended') { clearInterval(timer); out.stop(); return }
    if (video.videoWidth === 0) return
    big.width = video.videoWidth
    big.height = video.videoHeight
    small.width = GRAIN
    small.height = Math.max(1, Math.round(GRAIN * video.videoHeight / video.videoWidth))
    small.getContext('2d')!.drawImage(video, 0, 0, small.width, small.height)
    const g = big.getContext('2d')!
    g.imageSmoothingQuality = 'high'
    g.drawImage(small, 0, 0, big.width, big.height)
  }, 50)
  const stop = out.stop.bind(out)
  out.stop = () => { clearInterval(timer); track.stop(); stop() }
  return out
}
