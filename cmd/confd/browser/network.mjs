// Network is the way between one browser and the server, in a thread of its own: a SOCKS proxy for pages and signalling, and a
// port that media go through (dgram). While it is cut, nothing passes and nothing is refused, as where a network is gone.
import dgram from 'node:dgram'
import net from 'node:net'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { fileURLToPath } from 'node:url'

export class Network {
  static async open (server) {
    const n = new Network()
    n.media = server.media
    n.worker = new Worker(fileURLToPath(import.meta.url), { workerData: { media: server.media } })
    n.ports = await new Promise((resolve, reject) => { n.worker.once('message', resolve); n.worker.once('error', reject) })
    return n
  }

  get proxy () { return { server: `socks5://127.0.0.1:${this.ports.tcp}` } }

  // prepare has a context's media go through here and nowhere else: no TURN, no TCP.
  async prepare (context) {
    await context.addInitScript(([from, to]) => {
      const Real = window.RTCPeerConnection
      window.RTCPeerConnection = class extends Real {
        constructor (c) { super({ ...c, iceServers: [] }) }
        setRemoteDescription (d) {
          const sdp = d.sdp.replace(/^a=candidate:.* tcp .*\r\n/gim, '').replace(new RegExp(`^(a=candidate:\\S+ \\d+ udp \\d+ \\S+) ${from} `, 'gim'), `$1 ${to} `)
          return super.setRemoteDescription({ type: d.type, sdp })
        }
      }
    }, [this.media, this.ports.udp])
  }

  cut () { this.worker.postMessage('cut') }
  mend () { this.worker.postMessage('mend') }
  async close () { await this.worker.terminate() }
}

function relay ({ media }) {
  let cut = false
  const pairs = new Set()
  const hold = (s) => { if (cut) s.pause(); else s.resume() }

  const tcp = net.createServer((client) => {
    client.on('error', () => {})
    let step = 0
    const read = (b) => {
      if (step++ === 0) { client.write(Uint8Array.of(5, 0)); return }
      client.removeListener('data', read)
      const port = b.readUInt16BE(b.length - 2) // version, connect, 0, kind, address, port
      const server = net.connect(port, '127.0.0.1', () => { client.write(Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0)) })
      const pair = [client, server]
      pairs.add(pair)
      for (const [from, to] of [[client, server], [server, client]]) {
        from.on('data', (d) => { to.write(d) })
        from.on('close', () => { pairs.delete(pair); to.destroy() })
        from.on('error', () => {})
      }
      for (const s of pair) hold(s)
    }
    client.on('data', read)
    if (cut) client.pause()
    waiting.add(client)
    client.on('close', () => { waiting.delete(client) })
  })
  const waiting = new Set() // all of clients' ends

  const flows = new Map() // by the browser's port
  const udp = dgram.createSocket('udp4', (b, from) => {
    if (cut) return
    let to = flows.get(from.port)
    if (to === undefined) {
      to = dgram.createSocket('udp4', (d) => { if (!cut) udp.send(d, from.port, from.address) })
      to.bind(0, '127.0.0.1')
      flows.set(from.port, to)
    }
    to.send(b, media, '127.0.0.1')
  })

  parentPort.on('message', (m) => {
    cut = m === 'cut'
    for (const c of waiting) hold(c)
    for (const pair of pairs) for (const s of pair) hold(s)
  })
  tcp.listen(0, '127.0.0.1', () => udp.bind(0, '127.0.0.1', () => parentPort.postMessage({ tcp: tcp.address().port, udp: udp.address().port })))
}

if (!isMainThread) relay(workerData)
