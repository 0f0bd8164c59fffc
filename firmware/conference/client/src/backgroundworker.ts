// The background's worker: it has the model and does the work, so that the page stays quick and a page in the background goes on.
// Where the browser has streams of pictures for workers (Chromium), they run through here; else the page hands over one at a time.
// What comes out has been cut. If anything fails, it says so and gives nothing any more.
import { Cutter, type Cover } from './cutter'

export type ToBackground =
  | { type: 'start', model: string, cover: Cover, streams?: { readable: ReadableStream<VideoFrame>, writable: WritableStream<VideoFrame> } }
  | { type: 'picture', picture: ImageBitmap }

// took and gave frame the work on one picture; ms is how long the last took.
export type FromBackground = { type: 'ready' } | { type: 'took' } | { type: 'gave', ms: number, picture?: ImageBitmap } | { type: 'failed', why: string }

const scope = self as unknown as { onmessage: ((e: MessageEvent<ToBackground>) => void) | null, postMessage: (m: FromBackground, move?: Transferable[]) => void }

// PACE is the least time from one picture to the next, in ms: 15 a second. At most half of a processor's core is used.
const PACE = 66

let cutter: Cutter | undefined

const fail = (err: unknown): void => {
  cutter = undefined
  scope.postMessage({ type: 'failed', why: err instanceof Error ? err.message : String(err) })
}

async function start (m: ToBackground & { type: 'start' }): Promise<void> {
  const r = await fetch(m.model)
  if (!r.ok) throw new Error(`background: the model: ${r.status}`)
  cutter = new Cutter(new Uint8Array(await r.arrayBuffer()), m.cover)
  scope.postMessage({ type: 'ready' })
  if (m.streams !== undefined) await flow(cutter, m.streams.readable.getReader(), m.streams.writable.getWriter())
}

function work (c: Cutter, picture: VideoFrame | ImageBitmap): number {
  const at = performance.now()
  scope.postMessage({ type: 'took' })
  const [w, h] = 'displayWidth' in picture ? [picture.displayWidth, picture.displayHeight] : [picture.width, picture.height]
  c.cut(picture, w, h)
  return performance.now() - at
}

async function flow (c: Cutter, from: ReadableStreamDefaultReader<VideoFrame>, to: WritableStreamDefaultWriter<VideoFrame>): Promise<void> {
  let next = 0
  for (;;) {
    const { value: frame, done } = await from.read()
    if (done) return
    const at = performance.now()
    if (at < next) { frame.close(); continue }
    const { timestamp } = frame
    let ms: number
    try { ms = work(c, frame) } finally { frame.close() }
    next = at + Math.max(PACE, 2 * ms) - 8 // a camera's pictures come when they come: one a little early is not a picture too many
    await to.write(new VideoFrame(c.canvas, { timestamp, alpha: 'discard' }))
    scope.postMessage({ type: 'gave', ms })
  }
}

scope.onmessage = ({ data: m }) => {
  if (m.type === 'start') { start(m).catch(fail); return }
  try {
    if (cutter === undefined) throw new Error('background: not ready')
    const ms = work(cutter, m.picture)
    m.picture.close()
    const picture = cutter.canvas.transferToImageBitmap()
    scope.postMessage({ type: 'gave', ms, picture }, [picture])
  } catch (err) { fail(err) }
}
