// What a call puts on the network: two Chromiums on the real confd over TLS, in a network namespace of their own, every packet captured
// (../capture_linux_test.go). The namespace has a default route that leads to nobody, so that whatever somebody tries to send
// elsewhere is seen. Last comes the control: what must not be there is put there, and found.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { absent, chromiumPath, gather, launch, long, measured, meets } from '../../../firmware/conference/browser/people.mjs'
import { serve } from './confd.mjs'

const inside = process.env.SUBROSA_NAMESPACE === '1'
const why = absent() || long || (existsSync('/usr/bin/unshare') && process.platform === 'linux' ? false : 'no unshare: no network namespace')
const skip = why || (inside ? false : 'runs in the namespace')
const MINUTES = Number(process.env.SUBROSA_MINUTES ?? 0.5) // of the call
const call = MINUTES * 60_000

// a pair of interfaces, the one with a route to everywhere and no ARP, so that packets are sent at once; name servers are beyond it
const net = 'ip link set lo up && ip link add d0 type veth peer name d1 && ip addr add 10.77.0.1/24 dev d0 && ip link set d0 arp off && ip link set d1 up && ip link set d0 up && ip route add default dev d0 && mount --bind "$2" /etc/resolv.conf'

test('in a network namespace of its own', { skip: why || (inside ? 'is there' : false), timeout: 600_000 + call }, () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'subrosa-capture-'))
  const resolv = path.join(dir, 'resolv.conf')
  writeFileSync(resolv, 'nameserver 192.0.2.53\noptions attempts:1 timeout:1\n')
  const env = { ...process.env, SUBROSA_NAMESPACE: '1' }
  for (const k of Object.keys(env)) if (k.startsWith('NODE_TEST')) delete env[k]
  const r = spawnSync('unshare', ['--map-root-user', '--net', '--mount', 'sh', '-c', `${net} && exec "$0" --test "$1"`, process.execPath, fileURLToPath(import.meta.url), resolv], { env, encoding: 'utf8', timeout: 590_000 + call })
  rmSync(dir, { recursive: true, force: true })
  for (const line of r.stdout?.match(/measured: .*/g) ?? []) console.log(line)
  assert.equal(r.status, 0, `${r.error ?? ''}\n${r.stdout?.slice(0, 4000)}\n${r.stderr?.slice(0, 1000)}`)
})

const message = 'Das Angebot von 1 234 567 Euro bleibt unter uns'
const secrets = [message, 'Anna Musterfrau-Weber', 'Person 0', 'Person 1', 'Konferenz Musterstadt', '__Host-subrosa-conference', '"candidate"', 'a=fingerprint:']
let server, browser, people

// kiosk keeps Chromium from asking anybody for a name: its own services, which --disable-background-networking leaves some of, find nobody.
const kiosk = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost'

const judge = async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0' // the certificate is the test's own
  const r = await fetch(`${server.url}/test/capture`, { method: 'POST', body: JSON.stringify(secrets) })
  if (!r.ok) throw new Error(await r.text())
  return await r.json()
}

before(async () => {
  if (skip) return
  server = await serve({ SUBROSA_CONFD_SERVE: 'internal', SUBROSA_CONFD_TLS: '1' }, 10 + Math.ceil(MINUTES))
  await judge() // from here on
  browser = await launch('--ignore-certificate-errors', kiosk)
}, { timeout: 180_000 })

after(async () => {
  await browser?.close()
  await server?.stop()
})

test('a call puts nothing on the network but ciphertext between the two and their server', { skip, timeout: 400_000 + call }, async () => {
  people = await gather(browser, server, 2)
  for (const p of people) { await p.on('camera'); await p.on('microphone') }
  await meets(people[0], people[1])
  await meets(people[1], people[0])
  await people[1].toggle('chat')
  await people[1].page.fill('input[name=message]', message)
  await people[1].page.keyboard.press('Enter')
  await people[0].toggle('chat')
  await people[0].page.locator('.log').getByText(message).waitFor()
  await new Promise((resolve) => setTimeout(resolve, call))
  await meets(people[0], people[1]) // still
  await meets(people[1], people[0])
  for (const p of people) assert.deepEqual(p.faults.filter((f) => /request to/.test(f)), [])
  const v = await judge()
  measured(`capture of a call of two over TLS, ${MINUTES} min after both saw and heard each other: ${v.Packets} packets, missed ${JSON.stringify(v.Missed)}; beyond the machine ${JSON.stringify(v.Outside)}; names asked for ${JSON.stringify(v.Asked)}; within ${JSON.stringify(v.Local)}`)
  measured(`media port: ${v.STUN} STUN, ${v.DTLS} DTLS, ${v.RTP} RTP, ${v.TURN} wrapped for the relay, ${v.Else} others; ${v.Bits.toFixed(5)} bit of information in a byte of ${v.Bytes}; start codes of VP8 ${v.Starts} (${(v.Bytes / 2 ** 24).toFixed(2)} by chance); in plain sight: ${JSON.stringify(v.Found)}`)
  const { port } = new URL(server.url)
  assert.ok(v.Missed.d0 === 0 && v.Missed.lo < v.Packets / 10, 'nothing that left was overlooked')
  assert.ok(v.RTP > 1000 && v.DTLS > 4 && v.STUN > 4, 'there was a call')
  assert.equal(v.Else, 0, 'only what RFC 7983 knows is on the media port')
  assert.ok(v.Bits > 7.99, 'media look random')
  assert.ok(v.Starts <= 5 + 3 * v.Bytes / 2 ** 24, 'no VP8 in plain sight')
  assert.deepEqual(v.Found, [])
  assert.deepEqual([v.Outside, v.Asked], [{}, []], 'nothing is sent elsewhere, and nobody is asked for a name')
  // within the machine: pages, media, and nothing else (playwright speaks to Chromium by pipes)
  const media = Object.keys(v.Local).find((k) => k.startsWith('udp '))?.slice(4)
  assert.deepEqual(Object.keys(v.Local).filter((k) => ![`tcp ${port}`, `tcp ${media}`, `udp ${media}`].includes(k)), [], 'the unit\'s ports only')
})

test('control: what must not be there is found if it is', { skip, timeout: 60_000 }, async () => {
  const { port } = new URL(server.url)
  const s = createSocket('udp4')
  const send = (b, p, a) => new Promise((resolve, reject) => s.send(b, p, a, (err) => err ? reject(err) : resolve()))
  await send(Buffer.from(`{"text":"${message}"}`), Number(port), '127.0.0.1')
  await send(Buffer.from(`${'x'.repeat(12)}\x06google\x03com\x00`), 53, '8.8.8.8')
  s.close()
  const v = await judge()
  assert.deepEqual(v.Found, [message])
  assert.deepEqual([v.Outside, v.Asked], [{ 'udp 8.8.8.8:53': 1 }, ['google.com.']])
})

test('for comparison: what Chromium tries without these flags', { skip, timeout: 240_000 }, async () => {
  const plain = await chromium.launch({ executablePath: chromiumPath, ignoreDefaultArgs: true, args: ['--headless=new', '--remote-debugging-pipe', '--no-first-run', '--no-sandbox', `--user-data-dir=${mkdtempSync(path.join(tmpdir(), 'subrosa-plain-'))}`] })
  await new Promise((resolve) => setTimeout(resolve, 15_000))
  await plain.close()
  const v = await judge()
  measured(`Chromium with a fresh profile and no flags of ours, 15 s: names asked for ${JSON.stringify(v.Asked)}; beyond the machine ${JSON.stringify(v.Outside)}`)
})
