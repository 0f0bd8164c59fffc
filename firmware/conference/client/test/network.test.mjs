// The model that tells a person from the background, run by this program's own arithmetic, gives what MediaPipe's own runtime gave
// (testdata/README.md). Model files that are none are refused.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { MODEL, here } from '../build.mjs'
import { c, long, measured } from './harness.mjs'

const file = readFileSync(path.join(here, 'dist/blur', MODEL))
const unzip = (name) => gunzipSync(readFileSync(path.join(here, 'testdata', name)))

test('the same mask as MediaPipe\'s own runtime', () => {
  const net = new c.Network(c.readModel(file))
  const [rgb, mask] = [unzip('person.rgb.gz'), unzip('person.mask.gz')]
  assert.deepEqual([net.width, net.height, net.input.length, net.output.length], [256, 144, rgb.length, mask.length])
  rgb.forEach((v, i) => { net.input[i] = v / 255 })
  net.run()
  let worst = 0
  let sum = 0
  mask.forEach((v, i) => { const d = Math.abs(v - net.output[i] * 255); worst = Math.max(worst, d); sum += d })
  measured(`background: the mask differs from MediaPipe's by ${worst.toFixed(1)} of 255 at most, ${(sum / mask.length).toFixed(3)} on the average`)
  assert.ok(worst < 8 && sum / mask.length < 0.1)
  const again = Float32Array.from(net.output)
  net.run()
  assert.deepEqual(net.output, again, 'nothing of a picture is left for the next')
  const from = process.cpuUsage()
  for (let i = 0; i < 20; i++) net.run()
  measured(`background: ${(process.cpuUsage(from).user / 20_000).toFixed(0)} ms of processor time a picture`)
})

test('what is no model is refused, whichever byte is wrong', () => {
  assert.throws(() => c.readModel(new Uint8Array()), /tflite/)
  assert.throws(() => c.readModel(file.subarray(0, 1000)))
  let seed = 7
  const random = (n) => { seed = Math.imul(seed, 1664525) + 1013904223 >>> 0; return seed % n }
  let refused = 0
  for (let round = 0; round < (long ? 40 : 2000); round++) {
    const bad = Uint8Array.from(file)
    // the tables lie before and after the weights
    for (let k = 1 + random(4); k > 0; k--) bad[random(2) === 0 ? random(3000) : bad.length - 1 - random(30_000)] = random(256)
    try { void new c.Network(c.readModel(bad)) } catch (err) { refused++; assert.ok(err instanceof Error && !(err instanceof TypeError), err.stack) }
  }
  assert.ok(refused > 5, `${refused} were refused`)
})

test('what the model is not sure of is hidden', () => {
  assert.deepEqual([0, 0.3, 0.5, 0.85, 1].map(c.alphaOf), [0, 0, 0, 255, 255])
  assert.ok(c.alphaOf(0.6) > 0 && c.alphaOf(0.6) < c.alphaOf(0.7))
  assert.deepEqual(c.sizeOf(1280, 720), { width: 640, height: 360 })
  assert.deepEqual(c.sizeOf(640, 480), { width: 480, height: 360 })
  assert.deepEqual(c.sizeOf(320, 180), { width: 320, height: 180 })
})
