// The worker stands between encoder and network: nothing leaves but sealed, nothing comes in but opened. All of a device's
// senders share one key and one counter, and so one worker.
import { Keyring, Opener, Sealer, frameKey, keyId, prefixLength, type Codec, type Why } from './frames'
import { decodeHeader } from './sframe'
import type { FromWorker, ToWorker, TransformOptions } from './wire'

interface EncodedFrame { data: ArrayBuffer, getMetadata: () => { mimeType?: string } }
interface Transformer { readable: ReadableStream<EncodedFrame>, writable: WritableStream<EncodedFrame>, options: TransformOptions }

const scope = self as unknown as {
  onrtctransform: ((e: { transformer: Transformer }) => void) | null
  onmessage: ((e: MessageEvent<ToWorker>) => void) | null
  postMessage: (m: FromWorker) => void
}

// PATIENCE is how long a frame of the epoch to come waits for its commit, and one of this epoch for its sender's key, in ms.
const PATIENCE = 600
const now = (): number => performance.now()

const sealer = new Sealer()
const ring = new Keyring()
const openers = new Map<string, { opener: Opener, last: number }>()
const senders = new Map<string, { ok: number, refused: number }>()
let epoch = -1n
let tag = 0
let over = -Infinity // the last epoch that a commit has ended
let gone = false // dropped: nothing comes after that
let queue: Promise<void> = Promise.resolve()
let changed: () => void = () => {}
let change = new Promise<void>((resolve) => { changed = resolve })

// held: a commit is here that the keys are still of before.
const held = (): boolean => !(Number(epoch) > over)

function tell (): void {
  changed()
  change = new Promise((resolve) => { changed = resolve })
}

// mimeFits refuses a frame of a codec for which the clear prefix would be wrong. Browsers that do not tell are believed.
const mimeFits = (f: EncodedFrame, codec: Codec): boolean => {
  const mime = f.getMetadata().mimeType?.toLowerCase()
  return mime === undefined || mime.endsWith('/' + codec)
}

function send (t: Transformer, o: TransformOptions & { role: 'send' }): Promise<void> {
  const count = { ok: 0, refused: 0 }
  senders.set(o.id, count)
  return t.readable.pipeThrough(new TransformStream<EncodedFrame, EncodedFrame>({
    async transform (frame, out) {
      while (held()) await change
      const sealed = mimeFits(frame, o.codec) ? await sealer.seal(o.source, o.codec, new Uint8Array(frame.data)) : undefined
      if (sealed === undefined) { count.refused++; return }
      frame.data = sealed.buffer
      out.enqueue(frame)
      if (count.ok++ === 0) report()
    }
  })).pipeTo(t.writable)
}

// comes tells a frame that is worth waiting for: its key is on its way, or it is of the epoch after this one.
function comes (codec: Codec, data: Uint8Array): boolean {
  const n = prefixLength(codec, data)
  const h = n === undefined ? undefined : decodeHeader(data.subarray(n))
  return h !== undefined && (ring.coming(h.kid) || (h.kid & 0xffffn) === ((epoch + 1n) & 0xffffn))
}

function receive (t: Transformer, o: TransformOptions & { role: 'receive' }): Promise<void> {
  const entry = { opener: new Opener(ring, o.leaf, o.source), last: 0 }
  openers.set(o.id, entry)
  return t.readable.pipeThrough(new TransformStream<EncodedFrame, EncodedFrame>({
    async transform (frame, out) {
      if (!mimeFits(frame, o.codec)) { entry.opener.refused.plain++; return }
      const data = new Uint8Array(frame.data)
      const until = now() + PATIENCE
      while (now() < until && entry.opener.awaits(now(), o.codec, data) && comes(o.codec, data)) {
        await Promise.race([change, new Promise((resolve) => setTimeout(resolve, until - now()))])
      }
      const r = await entry.opener.open(now(), o.codec, data)
      if (!('frame' in r)) return
      frame.data = r.frame.buffer
      const dark = entry.last === 0 || now() - entry.last > 3000
      entry.last = now()
      out.enqueue(frame)
      if (dark) report() // a picture is there: nobody waits for the next report
    }
  })).pipeTo(t.writable)
}

scope.onrtctransform = ({ transformer }) => {
  const o = transformer.options
  // a pipe ends when its track or connection does
  const pipe = o.role === 'send' ? send(transformer, o) : receive(transformer, o)
  const count = senders.get(o.id)
  pipe.catch(() => {}).finally(() => {
    if (senders.get(o.id) === count) senders.delete(o.id) // else the name is that of the next connection's sender already
    openers.delete(o.id)
  })
}

async function turn (m: ToWorker & { type: 'turn' }): Promise<void> {
  if (gone) return
  ring.turn(now(), [], m.removal, m.coming.map((leaf) => keyId(m.roomTag, leaf, m.epoch)))
  const own = m.own && await frameKey(m.roomTag, m.leaf, m.epoch, m.own)
  m.own?.fill(0)
  if (gone) return
  sealer.use(own) // undefined, if the leaf is not in its own group, seals nothing
  epoch = m.epoch
  tag = m.roomTag
  tell()
  scope.postMessage({ type: 'turned', reply: m.reply })
}

async function add (m: ToWorker & { type: 'key' }): Promise<void> {
  const key = await frameKey(tag, m.leaf, m.epoch, m.secret)
  m.secret.fill(0)
  if (ring.add(key)) tell()
}

scope.onmessage = ({ data: m }) => {
  switch (m.type) {
    case 'hold': over = Math.max(over, m.ends, Number(epoch)); break
    case 'turn': queue = queue.then(() => turn(m)); break
    case 'key': queue = queue.then(() => add(m)); break
    case 'count': report(); break
    case 'drop':
      sealer.use(undefined)
      ring.drop()
      gone = true
      over = -Infinity // what was held is refused
      tell()
      break
  }
}

function report (): void {
  const counts = [...openers].map(([id, { opener, last }]) => ({
    id, ok: opener.opened, last: last === 0 ? -1 : now() - last,
    refused: Object.values(opener.refused).reduce((a, b) => a + b, 0),
    why: Object.fromEntries(Object.entries(opener.refused).filter(([, n]) => n > 0)) as Partial<Record<Why, number>>
  }))
  const sent = [...senders].map(([id, s]) => ({ id, ok: s.ok, refused: s.refused, why: {}, last: 0 }))
  scope.postMessage({ type: 'counts', tracks: [...counts, ...sent] })
}

setInterval(report, 500)
