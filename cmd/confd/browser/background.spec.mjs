// What is behind a person is hidden, judged at who receives the picture: a real portrait before a chessboard comes from the
// browser's camera (testdata/README.md); the board's detail must be gone and the face's must stay. Whatever fails, the board is
// never seen.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Person, absent, launch, long, measured, tmp, until } from '../../../firmware/conference/browser/people.mjs'
import { serve } from './confd.mjs'

const skip = absent()
const MODEL = '/client/blur/selfie_segmentation_landscape.tflite'
let server, camera, eyes, seer, person, plain

// detail is how much neighbouring pixels differ on the average (0 to 255): of the board left and right, of the face, and what is
// left of the photograph's own background at its upper corner. It runs in the page.
function look (leaf) {
  const tile = document.querySelector(`.tile[data-leaf="${leaf}"][data-source="camera"]`)
  const v = tile?.querySelector('video')
  if (!v || tile.dataset.mode !== 'live' || v.videoWidth === 0 || v.readyState < 2) return undefined
  const c = window.looking ??= Object.assign(document.createElement('canvas'), { width: 640, height: 360 })
  const g = c.getContext('2d', { willReadFrequently: true })
  g.drawImage(v, 0, 0, 640, 360)
  const detail = (x, y, w, h) => {
    const d = g.getImageData(x, y, w, h).data
    let sum = 0
    for (let r = 0; r < h; r++) for (let q = 0; q + 1 < w; q++) sum += Math.abs(d[4 * (r * w + q) + 1] - d[4 * (r * w + q) + 5])
    return sum / (h * (w - 1))
  }
  const [red, green, blue] = g.getImageData(30, 180, 1, 1).data
  return { board: Math.max(detail(8, 20, 110, 320), detail(522, 20, 110, 320)), face: detail(262, 30, 76, 95), corner: detail(440, 10, 50, 100), wall: [red, green, blue], size: [v.videoWidth, v.videoHeight] }
}

// watch keeps the most of the board that is ever seen from now on.
const watch = (leaf) => seer.page.evaluate(([look, leaf]) => {
  clearInterval(window.watching)
  const f = new Function(`return ${look}`)
  window.most = { board: 0, seen: 0 }
  window.watching = setInterval(() => { const d = f()(leaf); if (d) { window.most.seen++; window.most.board = Math.max(window.most.board, d.board) } }, 40)
}, [look.toString(), leaf])
const most = () => seer.page.evaluate(() => window.most)
const seen = async (leaf) => await seer.page.evaluate(look, leaf)

before(async () => {
  if (skip) return
  const file = path.join(tmp, 'portrait.mjpeg')
  const jpeg = readFileSync(fileURLToPath(new URL('testdata/portrait.jpg', import.meta.url)))
  writeFileSync(file, Buffer.concat(Array(30).fill(jpeg)))
  server = await serve({ SUBROSA_CONFD_SERVE: 'internal' })
  camera = await launch(`--use-file-for-fake-video-capture=${file}`)
  eyes = await launch()
  seer = await Person.come(eyes, server, 0, { role: 'chair' })
  await seer.join()
  await seer.inCall(1)
}, { timeout: 180_000 })

after(async () => {
  await camera?.close()
  await eyes?.close()
  await server?.stop()
})

// come lets somebody in who wants their background hidden so; the camera is still off.
async function come (i, veil, more = {}) {
  if (person !== undefined) await go().catch(() => {}) // of a test that failed
  person = await Person.come(camera, server, i, { own: false, ...more })
  await person.page.selectOption('select[name=behind]', veil)
  await person.join()
  await seer.admit()
  await person.inCall(2)
  await seer.inCall(2)
  const leaf = await person.leaf()
  await watch(leaf)
  return leaf
}

async function go () {
  const p = person
  person = undefined
  await p.page.click('[data-tool=leave]')
  await p.close()
  await seer.inCall(1)
}

function step (name, run, why = false) {
  test(name, { skip: skip || why, timeout: 120_000 }, async () => {
    try {
      await run()
    } catch (err) {
      for (const p of [seer, person]) if (p) { await p.shoot(`background-failed-${p.i}`).catch(() => {}); err.message += `\n${p.name}: ${p.faults.join(' | ')}` }
      throw err
    }
  })
}

const asked = () => person.requests.filter((p) => p.startsWith('/client/blur/'))

// falter drops the worker's word that a picture is done, once window.falters is set; it runs in the page.
function falter () {
  const Real = window.Worker
  window.Worker = class extends Real {
    set onmessage (f) { super.onmessage = (e) => { if (!(window.falters && e.data.type === 'gave')) f(e) } }
    get onmessage () { return super.onmessage }
  }
}

// wholly waits until the person has been told that their whole picture is unsharp, and it is.
async function wholly (leaf) {
  await until('it is said', async () => (await person.notes()).some((n) => /ganzes Bild wird unscharf/.test(n)))
  await until('the face is unsharp', async () => { const d = await seen(leaf); return d && d.face < plain.face / 2 && d.board < 2 })
  await until('it was watched', async () => (await most()).seen > 30)
  assert.ok((await most()).board < 2, `the board was seen: ${JSON.stringify(await most())}`)
}

step('as it is, board and face are seen, and nothing of the model is loaded', async () => {
  const leaf = await come(1, 'none')
  await person.on('camera')
  plain = await until('board and face', async () => { const d = await seen(leaf); return d && d.board > 8 && d.face > 2 && d.size[0] === 160 && d })
  measured(`background: as it is, detail of board ${plain.board.toFixed(1)}, face ${plain.face.toFixed(1)}, corner ${plain.corner.toFixed(1)} at ${plain.size.join('×')}`)
  assert.deepEqual(asked(), [])
})

step('chosen in the call: unsharp behind a sharp face', async () => {
  const leaf = await person.leaf()
  await person.page.selectOption('select[name=behind]', 'blur')
  await until('the board is gone and the face is there', async () => { const d = await seen(leaf); return d && d.board < 2 && d.face > plain.face / 2 })
  assert.ok(asked().includes(MODEL))
  await seer.shoot('background-blur')
  await go()
})

step('chosen before: the board is never seen', async () => {
  const leaf = await come(2, 'blur', { scripts: [[falter]] })
  assert.deepEqual(asked(), [], 'before the camera is on nothing is loaded')
  const at = Date.now()
  await person.on('camera')
  const d = await until('the face', async () => { const d = await seen(leaf); return d && d.face > plain.face / 2 && d })
  measured(`background: unsharp ${Date.now() - at} ms after the button, detail of board ${d.board.toFixed(2)}, face ${d.face.toFixed(1)}, corner ${d.corner.toFixed(2)} at ${d.size.join('×')}`)
  await until('it was watched for a while', async () => (await most()).seen > 60)
  assert.ok((await most()).board < 2, `the board was seen: ${JSON.stringify(await most())}`)
  assert.ok(d.corner < plain.corner / 2, 'the photograph\'s own background is gone, too')
  assert.deepEqual([...new Set(asked())].sort(), ['/client/blur/background.js', MODEL])
  assert.deepEqual(person.faults, [], 'no address elsewhere, nothing against the policy')
})

step('a worker that stalls is replaced by the whole picture unsharp', async () => {
  const leaf = await person.leaf()
  await person.page.evaluate(() => { window.falters = true })
  await wholly(leaf)
  await go()
})

step('neutral: one colour behind the face', async () => {
  const leaf = await come(3, 'neutral')
  await person.on('camera')
  await until('the face before the wall', async () => { const d = await seen(leaf); return d && d.face > plain.face / 2 && d.wall.every((v, i) => Math.abs(v - [184, 176, 166][i]) < 20) })
  await seer.shoot('background-neutral')
  assert.ok((await most()).board < 2)
})

step('without the worker the whole picture is unsharp, and that is said', async () => {
  const leaf = await person.leaf()
  await person.page.route('**/client/blur/background.js', (r) => r.abort())
  await person.page.selectOption('select[name=behind]', 'blur')
  await wholly(leaf)
  await go()
})

step('without the model, too', async () => {
  const leaf = await come(4, 'blur')
  await person.page.route(`**${MODEL}`, (r) => r.fulfill({ status: 404 }))
  await person.on('camera')
  await wholly(leaf)
  await go()
})

step('a browser without streams of pictures hands them over one at a time', async () => {
  const leaf = await come(5, 'blur', { scripts: [[() => { delete window.MediaStreamTrackGenerator; delete window.MediaStreamTrackProcessor }]] })
  await person.on('camera')
  const d = await until('the face', async () => { const d = await seen(leaf); return d && d.face > plain.face / 2 && d })
  assert.ok(d.board < 2 && (await most()).board < 2)
  assert.deepEqual(person.faults, [])
  await go()
}, long)
