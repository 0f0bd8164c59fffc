// Tflite reads a model file (FlatBuffers, schema of TensorFlow Lite, file identifier TFL3) as far as the person model needs it:
// one graph, pictures one at a time, weights as 32- or 16-bit floats. What is not provided for is an error, at reading and not later.
// Schema: tensorflow/lite/schema/schema.fbs; the numbers below are its field numbers and codes.

export interface Tensor { shape: number[], constant: Float32Array | Int32Array | undefined }

export type Step =
  | { op: 'conv' | 'depthwise', stride: [y: number, x: number], same: boolean, relu: boolean, inputs: number[], output: number }
  | { op: 'unfold', inputs: number[], output: number } // transposed convolution, kernel and stride 2
  | { op: 'resize', corners: boolean, half: boolean, inputs: number[], output: number }
  | { op: 'add' | 'mul' | 'mean' | 'relu' | 'hardswish' | 'logistic', inputs: number[], output: number }

export interface Model { tensors: Tensor[], steps: Step[], input: number, output: number }

const MOST = 4096 // tensors, steps, and the length of any side: far more than any model for a laptop's camera has

class Table {
  readonly #fields: number
  readonly #size: number
  constructor (readonly b: DataView, readonly at: number) {
    this.#fields = at - b.getInt32(at, true)
    this.#size = b.getUint16(this.#fields, true)
  }

  #where (field: number): number | undefined {
    const slot = 4 + 2 * field
    const by = slot + 2 > this.#size ? 0 : this.b.getUint16(this.#fields + slot, true)
    return by === 0 ? undefined : this.at + by
  }

  byte (field: number): number { const at = this.#where(field); return at === undefined ? 0 : this.b.getUint8(at) }
  int (field: number, otherwise = 0): number { const at = this.#where(field); return at === undefined ? otherwise : this.b.getInt32(at, true) }
  table (field: number): Table | undefined { const at = this.#where(field); return at === undefined ? undefined : new Table(this.b, at + this.b.getUint32(at, true)) }

  // vector returns where the elements begin and how many they are.
  vector (field: number): [at: number, n: number] {
    const at = this.#where(field)
    if (at === undefined) return [0, 0]
    const v = at + this.b.getUint32(at, true)
    return [v + 4, this.b.getUint32(v, true)]
  }

  tables (field: number): Table[] {
    const [at, n] = this.vector(field)
    if (n > MOST) throw new Error(`tflite: ${n} entries`)
    return Array.from({ length: n }, (_, i) => new Table(this.b, at + 4 * i + this.b.getUint32(at + 4 * i, true)))
  }

  ints (field: number): number[] {
    const [at, n] = this.vector(field)
    if (n > MOST) throw new Error(`tflite: ${n} numbers`)
    return Array.from({ length: n }, (_, i) => this.b.getInt32(at + 4 * i, true))
  }

  text (field: number): string {
    const [at, n] = this.vector(field)
    return new TextDecoder().decode(new Uint8Array(this.b.buffer, this.b.byteOffset + at, n))
  }
}

// half turns a 16-bit float (IEEE 754 binary16) into a number.
function half (h: number): number {
  const e = (h >> 10) & 31
  const f = h & 1023
  const v = e === 0 ? f * 2 ** -24 : e === 31 ? (f === 0 ? Infinity : NaN) : (1 + f / 1024) * 2 ** (e - 15)
  return (h & 0x8000) === 0 ? v : -v
}

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

function constant (b: DataView, t: Table, shape: number[], data: Table | undefined): Tensor['constant'] {
  const [at, n] = data?.vector(0) ?? [0, 0]
  if (n === 0) return undefined
  const type = t.byte(1)
  const size = { 0: 4, 1: 2, 2: 4 }[type]
  if (size === undefined) throw new Error(`tflite: a constant of type ${type}`)
  const length = count(shape)
  if (length * size !== n) throw new Error(`tflite: ${n} bytes for ${length} numbers`)
  if (type === 2) return Int32Array.from({ length }, (_, i) => b.getInt32(at + 4 * i, true))
  return Float32Array.from({ length }, (_, i) => type === 0 ? b.getFloat32(at + 4 * i, true) : half(b.getUint16(at + 2 * i, true)))
}

const plain: Record<number, 'add' | 'mul' | 'mean' | 'relu' | 'hardswish' | 'logistic'> = { 0: 'add', 14: 'logistic', 18: 'mul', 19: 'relu', 40: 'mean', 117: 'hardswish' }

function step (o: Table, code: number, custom: string): Step {
  const inputs = o.ints(1)
  const output = o.ints(2)[0] ?? -1
  const opt = o.table(4)
  const op = plain[code]
  if (op !== undefined) {
    if ((op === 'add' || op === 'mul') && (opt?.byte(0) ?? 0) !== 0) throw new Error(`tflite: ${op} with an activation of its own`)
    return { op, inputs, output }
  }
  if (code === 3 || code === 4) {
    const [activation, wide] = code === 3 ? [opt?.byte(3), [4, 5]] : [opt?.byte(4), [5, 6]]
    if (activation !== undefined && activation > 1) throw new Error(`tflite: activation ${activation}`)
    if (wide.some((f) => opt?.int(f, 1) !== 1)) throw new Error('tflite: a dilated convolution')
    return { op: code === 3 ? 'conv' : 'depthwise', stride: [opt!.int(2), opt!.int(1)], same: opt!.byte(0) === 0, relu: activation === 1, inputs, output }
  }
  if (code === 23) return { op: 'resize', corners: opt?.byte(2) === 1, half: opt?.byte(3) === 1, inputs, output }
  if (code === 32 && custom === 'Convolution2DTransposeBias') return { op: 'unfold', inputs, output }
  throw new Error(`tflite: operation ${code} ${custom}`)
}

export function readModel (file: Uint8Array): Model {
  const b = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (b.byteLength < 16 || new TextDecoder().decode(file.subarray(4, 8)) !== 'TFL3') throw new Error('tflite: no model')
  const root = new Table(b, b.getUint32(0, true))
  const codes = root.tables(1).map((c) => ({ code: Math.max(c.byte(0), c.int(3)), custom: c.text(1) }))
  const graph = root.tables(2)[0]
  if (graph === undefined) throw new Error('tflite: no graph')
  const buffers = root.tables(4)
  const tensors = graph.tables(0).map((t): Tensor => {
    const shape = t.ints(0)
    if (shape.length > 4 || shape.some((n) => n < 1 || n > MOST) || count(shape) > 1 << 24) throw new Error(`tflite: a shape of ${shape.join('×')}`)
    return { shape, constant: constant(b, t, shape, buffers[t.int(2)]) }
  })
  const steps: Step[] = []
  for (const o of graph.tables(3)) {
    const c = codes[o.int(0)]
    if (c === undefined) throw new Error('tflite: an operation without its code')
    const [from = -1] = o.ints(1)
    const [to = -1] = o.ints(2)
    if (c.code === 6 && tensors[from]?.constant !== undefined && tensors[to] !== undefined) { // weights of 16 bits, widened while reading
      if (count(tensors[from].shape) !== count(tensors[to].shape)) throw new Error('tflite: weights change their number')
      tensors[to].constant = tensors[from].constant
      continue
    }
    steps.push(step(o, c.code, c.custom))
  }
  return { tensors, steps, input: graph.ints(1)[0] ?? -1, output: graph.ints(2)[0] ?? -1 }
}
