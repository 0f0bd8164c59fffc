// Cutter hides what is behind a person. The model says for each pixel how sure it is of a person; where it is not, only the hidden
// background is drawn, so that what the model misses is hidden and not shown.
import { Network } from './network'
import { readModel } from './tflite'

export type Cover = 'blur' | 'neutral'

// LARGEST is the most that a worked-on picture has, in pixels.
const LARGEST = { width: 640, height: 360 }
// GRAIN is how many pixels wide a background is when it is unsharp: what is stretched from them has no faces and no writing.
export const GRAIN = 32
// NEUTRAL is a warm grey, like a plain wall.
const NEUTRAL = '#b8b0a6'

// alphaOf turns how sure the model is (0 to 1) into how much of the picture is shown (0 to 255): nothing up to one half, all from 0.85.
export const alphaOf = (sure: number): number => sure <= 0.5 ? 0 : sure >= 0.85 ? 255 : Math.round((sure - 0.5) / 0.35 * 255)

// sizeOf keeps the picture's form within the largest.
export function sizeOf (width: number, height: number): { width: number, height: number } {
  const by = Math.min(1, LARGEST.width / width, LARGEST.height / height)
  return { width: Math.max(2, 2 * Math.round(width * by / 2)), height: Math.max(2, 2 * Math.round(height * by / 2)) }
}

type Picture = CanvasImageSource
const context = (c: OffscreenCanvas, read = false): OffscreenCanvasRenderingContext2D => {
  const g = c.getContext('2d', { willReadFrequently: read })
  if (g === null) throw new Error('cutter: no canvas')
  return g
}

export class Cutter {
  readonly canvas = new OffscreenCanvas(2, 2)
  readonly #net: Network
  readonly #seen: OffscreenCanvas // what the model sees
  readonly #mask: OffscreenCanvas
  readonly #alpha: ImageData
  readonly #coarse = new OffscreenCanvas(GRAIN, 2)
  readonly #sure: Float32Array // over the last pictures

  constructor (model: Uint8Array, readonly cover: Cover) {
    this.#net = new Network(readModel(model))
    this.#seen = new OffscreenCanvas(this.#net.width, this.#net.height)
    this.#mask = new OffscreenCanvas(this.#net.width, this.#net.height)
    this.#alpha = new ImageData(this.#net.width, this.#net.height)
    this.#sure = new Float32Array(this.#net.output.length)
  }

  // cut draws a picture, person only, onto the canvas.
  cut (picture: Picture, width: number, height: number): void {
    const seen = context(this.#seen, true)
    seen.drawImage(picture, 0, 0, this.#seen.width, this.#seen.height)
    const { data } = seen.getImageData(0, 0, this.#seen.width, this.#seen.height)
    const { input, output } = this.#net
    for (let i = 0, j = 0; j < input.length; i += 4, j += 3) {
      input[j] = data[i]! / 255
      input[j + 1] = data[i + 1]! / 255
      input[j + 2] = data[i + 2]! / 255
    }
    this.#net.run()
    for (let i = 0; i < output.length; i++) {
      const sure = this.#sure[i] = 0.7 * output[i]! + 0.3 * this.#sure[i]!
      this.#alpha.data[4 * i + 3] = alphaOf(sure)
    }
    context(this.#mask).putImageData(this.#alpha, 0, 0)
    this.#draw(picture, width, height)
  }

  #draw (picture: Picture, width: number, height: number): void {
    const size = sizeOf(width, height)
    if (this.canvas.width !== size.width || this.canvas.height !== size.height) Object.assign(this.canvas, size)
    const g = context(this.canvas)
    g.globalCompositeOperation = 'copy'
    g.imageSmoothingQuality = 'high'
    g.drawImage(this.#mask, 0, 0, size.width, size.height)
    g.globalCompositeOperation = 'source-in'
    g.drawImage(picture, 0, 0, size.width, size.height)
    g.globalCompositeOperation = 'destination-over'
    if (this.cover === 'neutral') {
      g.fillStyle = NEUTRAL
      g.fillRect(0, 0, size.width, size.height)
      return
    }
    this.#coarse.height = Math.max(2, Math.round(GRAIN * size.height / size.width))
    const coarse = context(this.#coarse)
    coarse.imageSmoothingQuality = 'high'
    coarse.drawImage(picture, 0, 0, GRAIN, this.#coarse.height)
    g.drawImage(this.#coarse, 0, 0, size.width, size.height)
  }
}
