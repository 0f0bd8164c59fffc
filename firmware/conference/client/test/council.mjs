// Council is a call of whole pages without a browser: each person has the page's own Call, with true bindings, passkeys and MLS. What
// is played is the server, which orders as the real one does and can be told to lie, and media, which keep what they are told.
import { mock } from 'node:test'
import { decodeMlsMessage, encodeMlsMessage } from 'ts-mls'
import { c } from './harness.mjs'

export const ROOM = 'ratssaal'
const ORIGIN = 'https://ratssaal.raum.example'
const DEADLINE = 120_000 // ms, on a machine that does much else

// warned is what pages have written to the console.
export const warned = []
console.warn = (...a) => { warned.push(a.map(String).join(' ')) }

// until waits for real work, which no timer is part of.
export async function until (what, check) {
  for (const end = performance.now() + DEADLINE; ;) {
    const got = await check()
    if (got) return got
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}\n${warned.slice(-8).join('\n')}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const sha256 = async (b) => new Uint8Array(await crypto.subtle.digest('SHA-256', b))
const newKey = () => crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
const sign = async (key, ...parts) => new Uint8Array(await crypto.subtle.sign('Ed25519', key.privateKey, c.concat(...parts)))

// Passkey is somebody's, in all their browsers.
export async function newPasskey () {
  const key = await newKey()
  const { kty, crv, x } = await crypto.subtle.exportKey('jwk', key.publicKey)
  return { key, jwk: { kty, crv, x }, thumbprint: await sha256(c.utf8(JSON.stringify({ crv, kty, x }))) }
}

// bind is what the access pages do: without a passkey, a binding by single sign-on.
async function bind (access, { member, role, passkey }, device) {
  const now = Math.floor(Date.now() / 1000)
  const payload = c.utf8(JSON.stringify({
    v: 1, room: ROOM, member, role, factors: [passkey ? 'passkey' : 'sso'], key: c.toBase64(device.publicKey), from: now - 60, to: now + 3600,
    nonce: c.toBase64(crypto.getRandomValues(new Uint8Array(16))), passkey: passkey ? c.toBase64(passkey.thumbprint) : null
  }))
  const signed = [payload, await sign(access.key, c.utf8('subrosa binding v1\0'), payload)].map(c.toBase64url).join('.')
  if (passkey === undefined) return signed
  const client = c.utf8(JSON.stringify({ type: 'webauthn.get', challenge: c.toBase64url(await sha256(c.concat(c.utf8('subrosa passkey v1\0'), payload))), origin: ORIGIN }))
  const auth = c.concat(await sha256(c.utf8(new URL(ORIGIN).hostname)), Uint8Array.of(5, 0, 0, 0, 1))
  const sig = await sign(passkey.key, auth, await sha256(client))
  const proof = JSON.stringify({ key: passkey.jwk, auth: c.toBase64(auth), client: c.toBase64(client), sig: c.toBase64(sig) })
  return `${signed}.${c.toBase64url(c.utf8(proof))}`
}

// groups are those of all pages, by the device's key: a hostile member has its page's.
const groups = new Map()
for (const [how, at] of [['create', 1], ['join', 2]]) {
  const true_ = c.Group[how].bind(c.Group)
  c.Group[how] = async (...a) => {
    const g = await true_(...a)
    groups.set(c.hex(a[at].publicPackage.leafNode.signaturePublicKey), g)
    return g
  }
}

// Studio stands for media.ts.
class Studio {
  incoming = new Map()
  connected = true
  closed = false
  renewed = 0
  turns = []
  keys = []
  sent = []
  wanted = []
  held = -1

  constructor (on) { this.on = on }
  get epoch () { return this.turns.at(-1)?.epoch }
  hold (ends) { this.held = ends }
  async turn (tag, leaf, epoch, own, coming, removal) { this.turns.push({ tag, leaf, epoch, own: own && c.hex(own), coming, removal }) }
  key (epoch, leaf, secret) { this.keys.push({ epoch, leaf, secret: c.hex(secret) }) }
  async connect (ice, sources) { this.sources = sources }
  want (wanted) { this.wanted = wanted }
  async send (source, track) {
    if (this.broken) throw new Error('no sealed frame went out')
    this.sent.push([source, track])
  }

  async swap (source, track) { this.sent.push([source, track]) }
  async silence () {}
  answered () {}
  async renew () { this.renewed++ }
  close () { this.closed = true }
}

// Page is one browser page of somebody, from opening to closing.
export class Page {
  notes = []
  studios = []

  static async open (server, who, self = {}) {
    const p = new Page()
    const device = await c.newDevice()
    Object.assign(p, { server, who, device, login: who.member })
    p.binding = await bind(server.access, who, device)
    p.call = new c.Call({
      url: '', workerUrl: '', origin: ORIGIN, device, bound: { binding: p.binding, server: server.access.raw },
      self: { name: who.member, mic: false, cam: false, screen: false, alone: true, mode: 'person', ...self }
    }, { changed: () => {}, note: (n) => { p.notes.push(n) }, record: () => {} }, {
      dial: (url, attempt, on) => server.dial(p, on),
      media: (url, codec, on) => { const s = new Studio(on); p.studios.push(s); return s }
    })
    p.call.start()
    return p
  }

  get group () { return groups.get(c.hex(this.device.publicKey)) }
  get studio () { return this.studios.at(-1) }
  get seat () { return this.server.seatOf(this) }
  noted (what) { return this.notes.filter((n) => n.what === what) }
  sent (type) { return this.server.heard.filter((h) => h.page === this && h.m.type === type).map((h) => h.m) }
  // settled waits until the page is in a call of so many, and nothing is owed; newcomers take their time before their own keys, which is
  // let go by here.
  settled (n) {
    return until(`${this.who.member} is in a call of ${n}`, () => {
      if (this.call.phase !== 'in' || this.call.members.length !== n || c.toBase64(this.group.id) !== this.server.group?.id) return false
      if (!this.server.quiet) mock.timers.tick(100)
      return this.server.quiet
    })
  }

  // lose cuts the line; the page does not hear it before it is told.
  lose () { this.line.cut = true; this.line.on.closed() }
  close () { this.line.cut = true; this.server.gone(this.seat) }
}

export class Server {
  seats = [] // {id, page, member, role, resume, pkg, admission, here}
  heard = []
  group = undefined // {id, tag, epoch, founder, at: Map leaf→seat id}
  log = []
  seq = 0
  version = 0
  task = undefined
  #n = 0

  static async start (level = 'confidential', suite = 'x25519') {
    const s = new Server()
    const key = await newKey()
    s.access = { key, raw: new Uint8Array(await crypto.subtle.exportKey('raw', key.publicKey)) }
    return Object.assign(s, { level, suite })
  }

  get quiet () { return this.group?.at.size > 0 && this.task === undefined && [...this.group.at.values()].every((id) => !this.seats.find((s) => s.id === id)?.owes) }
  seatOf (page) { return this.seats.findLast((s) => s.page === page) }
  leafOf (seat) { return [...this.group?.at ?? []].find(([, id]) => id === seat.id)?.[0] ?? -1 }

  dial (page, on) {
    const line = { on, cut: false }
    page.line = line
    return {
      send: (m) => { if (!line.cut) { this.heard.push({ page, m }); queueMicrotask(() => { if (!line.cut) this.take(page, m) }) } },
      close: () => { line.cut = true }
    }
  }

  tell (seat, m) {
    const { line } = seat.page
    if (seat.here && this.withhold?.(seat, m) !== true) queueMicrotask(() => { if (!line.cut) line.on.message(m) })
  }

  members () { return [...this.group?.at.values() ?? []].map((id) => this.seats.find((s) => s.id === id)).filter(Boolean) }

  take (page, m) {
    const seat = this.seatOf(page)
    if (m.type !== 'hello' && (seat === undefined || this.deaf?.(seat, m) === true)) return
    this[`on_${m.type.replaceAll('-', '_')}`]?.(m.type === 'hello' ? page : seat, m)
  }

  joined (seat, resumed) {
    return {
      type: 'joined', participant: seat.id, room: ROOM, member: seat.member, role: seat.role, rights: [], level: this.level, lobby: false, resumed, resume: seat.resume,
      suite: this.suite, ...(this.group?.at.size > 0 && { group: this.group.id }), epoch: this.group?.epoch ?? 0, seq: this.seq, ice: [], last_n: 0, codecs: ['vp8'], rule: {}, time: ''
    }
  }

  on_hello (page, m) {
    const old = this.seats.find((s) => s.page === page && s.resume === m.resume)
    if (old !== undefined) {
      old.here = true
      this.tell(old, this.joined(old, true))
      for (const l of this.log) if (l.seq > m.seen && l.not !== old.id && (l.to === undefined || l.to === old.id)) this.tell(old, l.m)
      this.knocks()
      this.said()
      return
    }
    for (const s of this.seats.filter((s) => s.page.login === page.login)) this.gone(s)
    const seat = { id: `p${++this.#n}`, page, member: page.who.member, role: page.who.role, resume: `r${this.#n}`, here: true }
    this.seats.push(seat)
    this.tell(seat, this.joined(seat, false))
    this.knocks()
    this.said()
  }

  gone (seat) {
    this.seats = this.seats.filter((s) => s !== seat)
    if (this.task?.who === seat.id) this.task = undefined
    this.said()
    this.assign()
  }

  // end ends a seat, and says so.
  end (page, reason, again) {
    const { seat } = page
    this.tell(seat, { type: 'ended', reason, again, text: { de: reason, en: reason } })
    this.gone(seat)
  }

  on_key_package (seat, m) {
    Object.assign(seat, { pkg: m.package, admission: undefined })
    if (this.group === undefined && seat.role === 'chair') this.found(seat)
    else this.knocks(seat)
  }

  found (seat) {
    const id = crypto.getRandomValues(new Uint8Array(16))
    id[0] = id[0] & 0xfe | (this.level === 'public' ? 1 : 0) // open, or not
    this.group = { id: c.toBase64(id), tag: 0x81020300 + ++this.#n, epoch: 0, founder: seat.id, at: new Map() }
    this.tell(seat, { type: 'found', group: this.group.id, tag: this.group.tag, suite: this.suite })
  }

  // regroup has the group made anew by a chair.
  regroup () {
    const chair = this.seats.find((s) => s.role === 'chair')
    Object.assign(this, { log: [], task: undefined })
    for (const s of this.seats) s.admission = undefined
    this.found(chair)
  }

  on_founded (seat) {
    this.group.at.set(0, seat.id)
    this.knocks()
    this.said()
  }

  knocks (only) {
    for (const s of this.seats) {
      if (s.pkg === undefined || s.admission !== undefined || this.leafOf(s) >= 0 || this.group?.founder === s.id || (only !== undefined && s !== only)) continue
      for (const o of this.seats) if (o.role === 'chair') this.tell(o, { type: 'knock', participant: s.id, member: s.member, role: s.role, on_roster: true, lobby: false, package: s.pkg })
    }
  }

  on_admit (seat, m) {
    const o = this.seats.find((s) => s.id === m.participant)
    const wrong = (why) => { this.tell(seat, { type: 'error', to: 'admit', why, text: { de: '', en: '' } }) }
    if (o?.pkg === undefined || this.leafOf(o) >= 0) { wrong('participant'); return }
    if (o === seat && this.members().some((s) => s.role === 'chair')) { wrong('admission'); return } // a chair is there, who can sign
    o.admission = m.admission
    this.assign()
  }

  on_remove (seat, m) { this.gone(this.seats.find((s) => s.id === m.participant)) }

  assign () {
    if (this.group === undefined || this.task !== undefined) return
    const add = this.seats.filter((s) => s.admission !== undefined && this.leafOf(s) < 0 && s.here)
    const remove = [...this.group.at].filter(([, id]) => this.seats.every((s) => s.id !== id)).map(([leaf]) => leaf)
    const here = this.members().filter((s) => s.here)
    const by = here.find((s) => s.role === 'chair') ?? here[0]
    if (add.length + remove.length === 0 || by === undefined) return
    this.task = { who: by.id }
    this.tell(by, { type: 'task', group: this.group.id, epoch: this.group.epoch, add: add.map((s) => ({ participant: s.id, package: s.pkg, admission: s.admission })), remove })
  }

  on_commit (seat, m) {
    if (m.group !== this.group.id || m.epoch !== this.group.epoch) { this.tell(seat, { type: 'commit-refused', group: m.group, epoch: m.epoch, why: 'late' }); return }
    this.order(seat, m.commit, m.welcome)
  }

  // order publishes a commit, whoever's and whatever it is.
  order (seat, commit, welcome) {
    const { content } = decodeMlsMessage(c.fromBase64(commit), 0)[0].publicMessage
    const proposals = content.commit.proposals.map((p) => p.proposal)
    const { at } = this.group
    for (const p of proposals) if (p.proposalType === 'remove') at.delete(p.remove.removed)
    const old = this.members()
    const added = proposals.filter((p) => p.proposalType === 'add').map((p) => {
      const raw = c.toBase64(encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: p.add.keyPackage }))
      const who = this.seats.find((s) => s.pkg === raw)
      let leaf = 0
      while (at.has(leaf)) leaf++
      at.set(leaf, who?.id ?? 'nobody')
      return [leaf, who]
    })
    if (proposals.length === 0) seat.owes = false
    const m = { type: 'committed', seq: ++this.seq, group: this.group.id, epoch: this.group.epoch++, from: seat.id, commit }
    this.task = undefined
    for (const s of old) this.tell(s, m)
    for (const s of old) this.log.push({ seq: m.seq, to: s.id, m })
    for (const [leaf, who] of added) {
      if (who === undefined) continue
      const w = { type: 'welcome', seq: ++this.seq, group: this.group.id, epoch: this.group.epoch, tag: this.group.tag, leaf, suite: this.suite, welcome }
      Object.assign(who, { pkg: undefined, admission: undefined, owes: true })
      this.log.push({ seq: w.seq, to: who.id, m: w })
      this.tell(who, w)
    }
    this.said()
    this.assign()
  }

  on_application (seat, m) {
    const { privateMessage: p } = decodeMlsMessage(c.fromBase64(m.message), 0)[0]
    if (Number(p.epoch) !== this.group.epoch) { this.tell(seat, { type: 'application-refused', group: m.group, n: m.n, why: 'late' }); return }
    const d = { type: 'delivered', seq: ++this.seq, group: m.group, from: seat.id, message: m.message }
    this.log.push({ seq: d.seq, not: seat.id, m: d })
    for (const s of this.members()) if (s !== seat) this.tell(s, d)
  }

  // said tells everybody the state.
  said () {
    const founded = (this.group?.at.size ?? 0) > 0
    const people = this.seats.map((s) => ({ id: s.id, member: s.member, role: s.role, leaf: this.leafOf(s), hand: 0, here: s.here, companion: false, declaration: true }))
    const state = { type: 'state', version: ++this.version, level: this.level, encryption: 'end-to-end', ...(founded && { group: this.group.id }), epoch: this.group?.epoch ?? 0, people, tracks: this.tracks ?? [] }
    for (const s of this.seats) this.tell(s, state)
  }
}

// gather brings people into one call, each let in by the first, who is the chair.
export async function gather (server, roles) {
  const pages = []
  for (const [i, role] of roles.entries()) {
    const page = await Page.open(server, { member: `m-${i}`, role, passkey: await newPasskey() })
    pages.push(page)
    if (i > 0) await letIn(pages[0], page)
    for (const p of pages) await p.settled(i + 1)
  }
  return pages
}

// letIn is the chair's press for somebody who waits.
export async function letIn (chair, page) {
  const { id } = await until('a seat', () => page.seat)
  await until(`${page.who.member} knocks`, () => chair.call.knocks.has(page.seat.id))
  chair.call.admit(id)
}
