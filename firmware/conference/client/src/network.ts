// Network runs a model that tflite.ts has read, on one picture at a time: plain arithmetic, no WebAssembly, no graphics card, and so
// no exception in the page's content security policy. Everything is laid out and checked once; running allocates nothing.
// Layout of pictures: row, column, channel; of weights: output, row, column, input, as in the file.
import { count, type Model, type Step } from './tflite'

type Floats = Float32Array
type Run = () => void
interface Place { h: number, w: number, c: number, data: Floats }

export class Network {
  readonly input: Floats
  readonly output: Floats
  readonly height: number
  readonly width: number
  readonly #runs: Run[]

  constructor (model: Model) {
    const data = model.tensors.map((t) => t.constant instanceof Float32Array ? t.constant : undefined)
    const done = new Set(data.flatMap((d, i) => d === undefined ? [] : [i]))
    const place = (i: number): Place => {
      const t = model.tensors[i]
      if (t === undefined) throw new Error(`network: no tensor ${i}`)
      const [h = 1, w = 1, c = 1] = t.shape.length === 4 ? t.shape.slice(1) : [1, 1, t.shape[0] ?? 1]
      if (t.shape.length === 4 && t.shape[0] !== 1 && data[i] === undefined) throw new Error('network: more than one picture at a time')
      data[i] ??= new Float32Array(count(t.shape))
      return { h, w, c, data: data[i] }
    }
    const weights = (i: number | undefined): { shape: number[], data: Floats } => {
      const t = model.tensors[i ?? -1]
      if (!(t?.constant instanceof Float32Array)) throw new Error(`network: tensor ${i} has no weights`)
      return { shape: t.shape, data: t.constant }
    }
    const input = place(model.input)
    done.add(model.input)
    this.#runs = model.steps.map((s) => {
      const needs = s.op === 'conv' || s.op === 'depthwise' || s.op === 'unfold' || s.op === 'resize' || s.op === 'mean' ? s.inputs.slice(0, 1) : s.inputs
      if (needs.length === 0 || needs.some((i) => !done.has(i)) || done.has(s.output)) throw new Error(`network: ${s.op} is out of order`)
      done.add(s.output)
      return lay(s, needs.map(place), place(s.output), weights)
    })
    if (!done.has(model.output)) throw new Error('network: nothing comes out')
    const output = place(model.output)
    this.input = input.data
    this.output = output.data
    this.height = input.h
    this.width = input.w
    if (input.c !== 3 || output.c !== 1 || output.h !== input.h || output.w !== input.w) throw new Error('network: not from a picture to its mask')
  }

  run (): void { for (const r of this.#runs) r() }
}

function lay (s: Step, [x, y]: Place[], out: Place, weights: (i: number | undefined) => { shape: number[], data: Floats }): Run {
  if (x === undefined) throw new Error(`network: ${s.op} of nothing`)
  switch (s.op) {
    case 'conv': case 'depthwise': case 'unfold': {
      const k = weights(s.inputs[1])
      const bias = weights(s.inputs[2]).data
      const [n = 0, kh = 0, kw = 0, c = 0] = k.shape
      if (bias.length !== out.c) throw new Error(`network: ${s.op} without its bias`)
      if (s.op === 'unfold') {
        if (n !== 1 || kh !== 2 || kw !== 2 || c !== x.c || out.c !== 1 || out.h !== 2 * x.h || out.w !== 2 * x.w) throw new Error('network: unfold of another form')
        return () => { unfold(x, k.data, bias[0]!, out) }
      }
      const [sy, sx] = s.stride
      if (sy < 1 || sx < 1) throw new Error('network: a stride of nothing')
      const fits = (size: number, kernel: number, stride: number): number => Math.ceil((s.same ? size : size - kernel + 1) / stride)
      if (out.h !== fits(x.h, kh, sy) || out.w !== fits(x.w, kw, sx) || c !== x.c && s.op === 'conv' || s.op === 'conv' && n !== out.c || s.op === 'depthwise' && (n !== 1 || c !== x.c || c !== out.c)) {
        throw new Error(`network: ${s.op} whose sides do not fit`)
      }
      const before = (size: number, o: number, kernel: number, stride: number): number => s.same ? Math.max((o - 1) * stride + kernel - size, 0) >> 1 : 0
      const g: Window = { kh, kw, sy, sx, top: before(x.h, out.h, kh, sy), left: before(x.w, out.w, kw, sx), relu: s.relu }
      if (s.op === 'depthwise') return depthwise(x, k.data, bias, out, g)
      if (n % 4 !== 0) throw new Error(`network: ${n} outputs, not a multiple of four`)
      if (kh === 1 && kw === 1 && sy === 1 && sx === 1) return () => { pointwise(x, k.data, bias, out, s.relu) }
      const [fill, rows] = gather(x, out, g)
      return () => { fill(); pointwise(rows, k.data, bias, out, s.relu) }
    }
    case 'resize': if (x.c !== out.c) throw new Error('network: resize changes the channels'); return resize(x, out, s.corners, s.half)
    case 'mean': if (out.data.length !== x.c) throw new Error('network: mean of another form'); return () => { mean(x, out) }
    case 'add': case 'mul': {
      if (y === undefined) throw new Error(`network: ${s.op} of one`)
      const [big, small] = x.data.length >= y.data.length ? [x.data, y.data] : [y.data, x.data]
      if (out.data.length !== big.length || (small.length !== big.length && small.length !== out.c)) throw new Error(`network: ${s.op} of unlike sizes`)
      return () => { pairwise(s.op === 'add', big, small, out.data) }
    }
    case 'relu': case 'hardswish': case 'logistic': {
      const { op } = s
      if (out.data.length !== x.data.length) throw new Error(`network: ${s.op} changes the size`)
      return () => { each(op, x.data, out.data) }
    }
  }
}

interface Window { kh: number, kw: number, sy: number, sx: number, top: number, left: number, relu: boolean }

// pointwise is a convolution of single pixels, most of the work: four outputs of two pixels at a time.
function pointwise (x: Place, k: Floats, bias: Floats, out: Place, relu: boolean): void {
  const { data: a, c } = x
  const { data: o, c: n } = out
  const pixels = x.h * x.w
  const floor = relu ? 0 : -Infinity
  for (let p = 0; p < pixels; p += 2) {
    const from = p * c
    const to = p * n
    const next = p + 1 < pixels ? c : 0 // an odd last pixel is worked out twice
    for (let j = 0; j + 3 < n; j += 4) {
      let s0 = bias[j]!
      let s1 = bias[j + 1]!
      let s2 = bias[j + 2]!
      let s3 = bias[j + 3]!
      let t0 = s0
      let t1 = s1
      let t2 = s2
      let t3 = s3
      let w = j * c
      for (let i = from; i < from + c; i++, w++) {
        const v = a[i]!
        const u = a[i + next]!
        const w0 = k[w]!
        const w1 = k[w + c]!
        const w2 = k[w + 2 * c]!
        const w3 = k[w + 3 * c]!
        s0 += v * w0
        s1 += v * w1
        s2 += v * w2
        s3 += v * w3
        t0 += u * w0
        t1 += u * w1
        t2 += u * w2
        t3 += u * w3
      }
      const q = to + j
      o[q] = s0 < floor ? floor : s0
      o[q + 1] = s1 < floor ? floor : s1
      o[q + 2] = s2 < floor ? floor : s2
      o[q + 3] = s3 < floor ? floor : s3
      if (next === 0) continue
      o[q + n] = t0 < floor ? floor : t0
      o[q + n + 1] = t1 < floor ? floor : t1
      o[q + n + 2] = t2 < floor ? floor : t2
      o[q + n + 3] = t3 < floor ? floor : t3
    }
  }
}

// gather lays the window of every output out in a row, with nothing where it reaches past the edge; the rest is pointwise.
function gather (x: Place, out: Place, g: Window): [Run, Place] {
  const wide = pad(x, out, g)
  const length = g.kw * x.c
  const rows: Place = { h: out.h, w: out.w, c: g.kh * length, data: new Float32Array(out.h * out.w * g.kh * length) }
  return [() => {
    wide.fill()
    let to = 0
    for (let r = 0; r < out.h; r++) {
      for (let q = 0; q < out.w; q++) {
        for (let u = 0; u < g.kh; u++) {
          const from = ((r * g.sy + u) * wide.w + q * g.sx) * x.c
          for (let i = from; i < from + length; i++) rows.data[to++] = wide.data[i]!
        }
      }
    }
  }, rows]
}

function depthwise (x: Place, k: Floats, bias: Floats, out: Place, g: Window): Run {
  const wide = pad(x, out, g)
  if (g.kw !== 3 && g.kw !== 5) throw new Error(`network: a window ${g.kw} wide`)
  const row = g.kw === 3 ? three : five
  return () => {
    wide.fill()
    const { data: o, h, w, c } = out
    for (let to = 0; to < o.length; to += c) o.set(bias, to)
    for (let r = 0; r < h; r++) {
      for (let u = 0; u < g.kh; u++) row(o, r * w * c, w, wide.data, (r * g.sy + u) * wide.w * c, g.sx * c, k, u * g.kw * c, c)
    }
    if (g.relu) each('relu', o, o)
  }
}

// three and five add one row of the window to one row of outputs.
function three (o: Floats, to: number, w: number, a: Floats, from: number, step: number, k: Floats, at: number, c: number): void {
  for (let q = 0; q < w; q++, to += c, from += step) {
    for (let i = 0; i < c; i++) {
      o[to + i] = o[to + i]! + a[from + i]! * k[at + i]! + a[from + c + i]! * k[at + c + i]! + a[from + 2 * c + i]! * k[at + 2 * c + i]!
    }
  }
}

function five (o: Floats, to: number, w: number, a: Floats, from: number, step: number, k: Floats, at: number, c: number): void {
  for (let q = 0; q < w; q++, to += c, from += step) {
    for (let i = 0; i < c; i++) {
      o[to + i] = o[to + i]! + a[from + i]! * k[at + i]! + a[from + c + i]! * k[at + c + i]! + a[from + 2 * c + i]! * k[at + 2 * c + i]! +
        a[from + 3 * c + i]! * k[at + 3 * c + i]! + a[from + 4 * c + i]! * k[at + 4 * c + i]!
    }
  }
}

// pad makes room for a picture with an edge of nothing around it.
function pad (x: Place, out: Place, g: Window): { w: number, data: Floats, fill: Run } {
  const h = Math.max((out.h - 1) * g.sy + g.kh, g.top + x.h)
  const w = Math.max((out.w - 1) * g.sx + g.kw, g.left + x.w)
  const data = new Float32Array(h * w * x.c)
  const line = x.w * x.c
  return { w, data, fill: () => { for (let r = 0; r < x.h; r++) data.set(x.data.subarray(r * line, (r + 1) * line), ((r + g.top) * w + g.left) * x.c) } }
}

function unfold (x: Place, k: Floats, bias: number, out: Place): void {
  const { data: a, c } = x
  for (let r = 0; r < out.h; r++) {
    for (let q = 0; q < out.w; q++) {
      const from = ((r >> 1) * x.w + (q >> 1)) * c
      const w = ((r & 1) * 2 + (q & 1)) * c
      let s = bias
      for (let i = 0; i < c; i++) s += a[from + i]! * k[w + i]!
      out.data[r * out.w + q] = s
    }
  }
}

// resize interpolates between the four nearest pixels; their places are worked out once.
function resize (x: Place, out: Place, corners: boolean, half: boolean): Run {
  const line = (from: number, to: number): Array<[low: number, high: number, share: number]> => Array.from({ length: to }, (_, i) => {
    const scale = corners && to > 1 ? (from - 1) / (to - 1) : from / to
    const at = Math.max(0, half ? (i + 0.5) * scale - 0.5 : i * scale)
    const low = Math.min(Math.floor(at), from - 1)
    return [low, Math.min(low + 1, from - 1), at - low]
  })
  const rows = line(x.h, out.h)
  const columns = line(x.w, out.w)
  const width = out.w * x.c
  return () => { for (const [r, [r0, r1, v]] of rows.entries()) blend(out.data, r * width, x.data, r0 * x.w * x.c, r1 * x.w * x.c, v, columns, x.c) }
}

function blend (o: Floats, to: number, a: Floats, upper: number, lower: number, v: number, columns: Array<[number, number, number]>, c: number): void {
  for (const [c0, c1, u] of columns) {
    const p = upper + c0 * c
    const q = upper + c1 * c
    const r = lower + c0 * c
    const s = lower + c1 * c
    for (let i = 0; i < c; i++) {
      const high = a[p + i]! + (a[q + i]! - a[p + i]!) * u
      const low = a[r + i]! + (a[s + i]! - a[r + i]!) * u
      o[to++] = high + (low - high) * v
    }
  }
}

function mean (x: Place, out: Place): void {
  const { data: a, c } = x
  const o = out.data.fill(0)
  for (let i = 0; i < a.length; i += c) for (let j = 0; j < c; j++) o[j]! += a[i + j]!
  const pixels = a.length / c
  for (let j = 0; j < c; j++) o[j]! /= pixels
}

// pairwise adds or multiplies; a small one counts for every pixel.
function pairwise (add: boolean, big: Floats, small: Floats, out: Floats): void {
  const n = small.length
  for (let i = 0; i < big.length; i += n) {
    if (add) for (let j = 0; j < n; j++) out[i + j] = big[i + j]! + small[j]!
    else for (let j = 0; j < n; j++) out[i + j] = big[i + j]! * small[j]!
  }
}

function each (op: 'relu' | 'hardswish' | 'logistic', x: Floats, out: Floats): void {
  for (let i = 0; i < x.length; i++) {
    const v = x[i]!
    out[i] = op === 'relu' ? (v < 0 ? 0 : v) : op === 'hardswish' ? v * Math.min(6, Math.max(0, v + 3)) / 6 : 1 / (1 + Math.exp(-v))
  }
}
