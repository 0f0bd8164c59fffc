// Call ties line, group and media together and keeps the rules. It draws nothing: page.ts does.
//
// A line that is lost is taken up again where it ended, with the same keys. Whatever else goes wrong ends one way: keys and
// pictures are dropped, and this device joins anew with a new leaf. Its signature key, which the binding names, stays for as
// long as the page does.
import { fromBase64, toBase64, utf8, hex, type Bytes } from './bytes'
import { judge, signAdmission, type Level } from './binding'
import { Consent } from './consent'
import type { Bound } from './entry'
import type { Source } from './frames'
import { Group, newTicket, sign, type Device, type Member, type Ticket, type Turn } from './group'
import { handKeys, heardFirst } from './keys'
import { Media, type Incoming, type Wanted } from './media'
import { Refusal } from './refusal'
import { PROTOCOL, dial, type FromServer, type Joined, type Knock, type Line, type State, type StuckWhy, type Task, type Text, type ToServer } from './signal'
import { mayOrder, readWord, tellsCode, type Self, type Word } from './words'
import type { TrackCount } from './wire'

export type Phase = 'connecting' | 'lobby' | 'waiting' | 'in' | 'lost' | 'over'

export interface Chat { from: string, role: string, text: string, at: number, own: boolean }

export type NoteWhat = 'sealed' | 'joined' | 'left' | 'frames' | 'commit' | 'tripwire' | 'muted' | 'please-mute' | 'passkey' | 'level' | 'server' | 'stream-on' | 'stream-off'
export interface Note { what: NoteWhat, who?: string, detail?: string, text?: Text }

export interface Options { url: string, workerUrl: string, origin: string, device: Device, bound: Bound, self: Self }

export interface CallEvents { changed: () => void, note: (n: Note) => void, record: (what: 'start' | 'pause' | 'resume' | 'stop') => void }

const RETRY = [200, 400, 800] // ms between attempts to come back; then 1 s each
const levels: readonly Level[] = ['public', 'internal', 'nonpublic', 'confidential']

export class Call {
  phase: Phase = 'connecting'
  ended: { reason: string, text: Text } | undefined
  joined: Joined | undefined
  state: State | undefined
  code = ''
  speakers: string[] = []
  stuck = false
  media: Media | undefined
  self: Self
  readonly chat: Chat[] = []
  readonly knocks = new Map<string, Knock>()
  readonly selves = new Map<number, Self>()
  readonly consent = new Consent({
    say: (id, what) => { void this.say({ t: 'record', id, what }).catch((err: unknown) => { console.warn('conference:', err) }) },
    record: (what) => { this.on.record(what) },
    tell: (what) => { this.#send({ type: 'recording', what }) }
  })

  #group: Group | undefined
  #groupId = ''
  #tag = 0
  #ticket: Ticket | undefined
  #line: Line | undefined
  #round = 0
  #seen = 0
  #attempt = 0
  #level: Level = 'public'
  #task: Task | undefined
  #refresh = false
  #flying = false
  #admitted = new Map<string, string>() // members this chair's device has let in, and their passkeys
  #tracks = new Map<Source, MediaStreamTrack>()
  #tail: Promise<unknown> = Promise.resolve()
  #said = new Map<number, { word: Word, to: string }>() // by number, for those that come too late
  #saying = 0

  constructor (readonly o: Options, readonly on: CallEvents) { this.self = o.self }

  get members (): Member[] { return this.#group?.members ?? [] }
  member (leaf: number): Member | undefined { return this.#group?.member(leaf) }
  get leaf (): number { return this.#group?.leaf ?? -1 }
  get epoch (): bigint { return this.#group?.epoch ?? -1n }
  get role (): string { return this.joined?.role ?? '' }
  get tracks (): Incoming[] { return [...(this.media?.incoming.values() ?? [])] }
  may (right: string): boolean { return this.joined?.rights?.includes(right) ?? false }
  person (leaf: number): State['people'][number] | undefined { return this.state?.people.find((p) => p.leaf === leaf) }

  nameOf (leaf: number): string {
    const name = leaf === this.leaf ? this.self.name : this.selves.get(leaf)?.name
    return name || (this.#group?.member(leaf)?.member ?? '?')
  }

  start (): void {
    const round = ++this.#round
    this.#line = dial(this.o.url, this.#attempt, {
      message: (m) => { if (round === this.#round) this.#hear(m) },
      closed: () => { if (round === this.#round) this.#lineLost() }
    })
    this.#send({
      type: 'hello', protocol: PROTOCOL, companion: this.self.mode === 'companion', declaration: this.self.alone,
      ...(this.joined !== undefined && this.phase === 'lost' && { resume: this.joined.resume, seen: this.#seen })
    })
    this.on.changed()
  }

  #send (m: ToServer): void { this.#line?.send(m) }

  // serial takes what comes one after the other, in the server's order.
  #serial (run: () => Promise<void> | void): void {
    const group = this.#group
    this.#tail = this.#tail.then(run).catch((err: unknown) => {
      console.warn('conference:', err)
      if (this.phase !== 'over' && group === this.#group) this.#anew()
    })
  }

  #hear (m: FromServer): void {
    if (m.type === 'committed' && m.group === this.#groupId) this.media?.hold(m.epoch) // nothing goes out any more with the keys of an epoch that is over
    if (m.type === 'answer') { this.media?.answered(m.n, m.sdp); return }
    this.#serial(async () => {
      if ('seq' in m && m.type !== 'joined') this.#seen = Math.max(this.#seen, m.seq)
      await this.#take(m)
      this.on.changed()
    })
  }

  async #take (m: FromServer): Promise<void> {
    switch (m.type) {
      case 'joined': await this.#joined(m); break
      case 'refused': this.#end(m.reason, m.text); break
      case 'ended':
        if (m.again && m.reason !== 'elsewhere') this.#anew()
        else this.#end(m.reason, m.text)
        break
      case 'state': await this.#stated(m); break
      case 'found': await this.#found(m.group, m.tag, m.suite); break
      case 'knock': this.#knocked(m); break
      case 'task': this.#task = m; await this.#pump(); break
      case 'committed': if (m.group === this.#groupId) await this.#committed(fromBase64(m.commit)); break
      case 'commit-refused': if (m.group === this.#groupId) await this.#commitRefused(m.why); break
      case 'application-refused': if (m.group === this.#groupId) await this.#sayAgain(m.n); break
      case 'welcome': await this.#welcomed(m); break
      case 'delivered': if (m.group === this.#groupId) await this.#delivered(fromBase64(m.message)); break
      case 'speakers': this.speakers = m.speakers ?? []; break
      case 'please-mute': this.on.note({ what: 'please-mute', who: this.#nameOfParticipant(m.from) }); break
      case 'alarm':
        if (m.track === '') this.on.note({ what: 'server', who: this.#nameOfParticipant(m.participant), text: m.text }) // of the group, not of media
        else this.on.note({ what: 'tripwire', who: this.#nameOfParticipant(m.participant), detail: m.why })
        break
      case 'error':
        console.warn('conference: the server says', m.to, m.why)
        if (m.why === 'admission') this.on.note({ what: 'server', text: m.text })
        break
    }
  }

  #nameOfParticipant (id: string): string {
    const leaf = this.state?.people.find((p) => p.id === id)?.leaf ?? -1
    return leaf >= 0 ? this.nameOf(leaf) : ''
  }

  async #joined (m: Joined): Promise<void> {
    const before = this.joined
    this.joined = m
    this.#attempt = 0
    this.#stricter(m.level)
    if (m.resumed && this.#group !== undefined) {
      this.phase = 'in'
      this.#tellCode() // what was said on the lost line may not have come
      if (this.media?.connected === false) void this.media.renew()
      await this.say({ t: 'self', self: this.self }) // it may have changed, and was not told
      return
    }
    if (this.#group !== undefined) this.#clear()
    // another seat, perhaps another server; and in the lobby everybody is alone
    if (before !== undefined && (before.participant !== m.participant || before.lobby !== m.lobby)) this.state = undefined
    this.phase = m.lobby ? 'lobby' : 'waiting'
    const same = before !== undefined && before.participant === m.participant && this.#ticket !== undefined
    if (!same) await this.#offerPackage(m.suite)
  }

  // stricter: what a server says of the level is believed only if it asks for more than before.
  #stricter (level: Level): void {
    if (levels.indexOf(level) > levels.indexOf(this.#level) || !levels.includes(level)) this.#level = level
    if (this.#level !== 'public' && this.#level !== 'internal') this.consent.forbid()
  }

  async #offerPackage (suite: Ticket['suite']): Promise<void> {
    this.#ticket = await newTicket(suite, this.o.device, utf8(this.o.bound.binding), Date.now())
    this.#send({ type: 'key-package', suite, package: toBase64(this.#ticket.message) })
  }

  #judge (): ReturnType<typeof judge> {
    const j = judge(this.o.bound.server, this.joined!.room, this.o.origin, () => this.#level, () => Date.now())
    // at level public nobody's signature is asked for (docs/conference-access.md)
    return { identify: j.identify, admitted: async (...a) => { if (this.#level !== 'public') await j.admitted(...a) } }
  }

  async #found (group: string, tag: number, suite: Ticket['suite']): Promise<void> {
    if (this.#group !== undefined) this.#clear()
    if (this.#ticket?.suite !== suite) await this.#offerPackage(suite)
    this.#groupId = group
    this.#tag = tag
    this.#group = await Group.create(fromBase64(group), this.#ticket!, this.#judge())
    this.#send({ type: 'founded', group })
    await this.#entered()
    for (const k of this.knocks.values()) await this.#again(k)
  }

  async #welcomed (m: FromServer & { type: 'welcome' }): Promise<void> {
    if (this.#group !== undefined) return
    this.#groupId = m.group
    this.#tag = m.tag
    this.#group = await Group.join(fromBase64(m.group), fromBase64(m.welcome), this.#ticket!, this.#judge())
    this.#refresh = true
    await this.#entered()
    await this.#pump()
  }

  async #entered (): Promise<void> {
    const j = this.joined!
    const codec = j.codecs[0] === 'vp9' ? 'vp9' : 'vp8'
    this.media = new Media(this.o.workerUrl, codec, {
      changed: () => { this.on.changed() },
      failed: () => { this.#iceLost() },
      refused: (t, c) => { this.#refusedFrames(t, c) },
      lost: (t) => { if (t.source !== 'microphone') this.#send({ type: 'key-frame', track: t.track }) },
      offer: (n, fresh, sdp, send, receive) => { this.#send({ type: 'offer', n, ...(fresh && { fresh }), sdp, send, receive }) }
    })
    this.phase = 'in'
    this.stuck = false
    await this.#keys(true)
    this.media.connect(j.ice, this.self.mode === 'companion' ? ['screen'] : ['microphone', 'camera', 'screen'])
    if (this.state !== undefined) this.#wants(this.state)
    for (const [source, track] of this.#tracks) {
      if (track.readyState === 'live') void this.#resend(this.media, source, track)
    }
    await this.say({ t: 'self', self: this.self })
  }

  // resend sends again what was on before; what does not go out is turned off, so that nobody believes to be seen who is not.
  async #resend (media: Media, source: Source, track: MediaStreamTrack): Promise<void> {
    for (const last of [false, true]) {
      try {
        await media.send(source, track)
        return
      } catch (err) {
        console.warn('conference:', err)
        if (this.media !== media || this.#tracks.get(source) !== track) return
        if (last) { await this.turnOff(source); this.on.note({ what: 'sealed', detail: source }) }
      }
    }
  }

  // iceLost makes a new connection; if that is lost at once, too, the device joins anew.
  #iceLost (): void {
    const at = performance.now()
    const often = at - this.#renewed < 4000
    this.#renewed = at
    if (this.phase !== 'in') return
    clearTimeout(this.#renewing)
    if (often) this.#renewing = setTimeout(() => { if (this.phase === 'in') void this.media?.renew() }, 1500)
    else void this.media?.renew()
  }

  #renewing: ReturnType<typeof setTimeout> | undefined

  #renewed = -Infinity

  // keys gives the worker what it needs for this epoch.
  async #keys (removal: boolean): Promise<void> {
    const g = this.#group!
    this.#present(true)
    await handKeys(g, this.media!, this.#tag, removal, heardFirst(this.speakers, this.state))
    this.code = await g.code()
    this.#tellCode()
  }

  // tellCode says the code for the wall: the chair's device and the hall's. The server takes it away with each epoch.
  #tellCode (): void {
    if (this.#group === undefined || this.stuck || !tellsCode(this.role)) return
    this.#send({ type: 'code', group: this.#groupId, epoch: Number(this.epoch), code: this.code.replaceAll(' ', '') })
  }

  // present tells who would have to agree to a recording: all of the group, each by the key that signs for it. A gateway's people cannot.
  #present (again = false): void {
    if (this.#group === undefined) return
    const strangers = this.state?.people.some((p) => p.role === 'gateway') ?? false
    this.consent.turned(this.leaf, new Map(this.members.map((m) => [m.leaf, Call.fingerprint(m)])), strangers, again)
  }

  async #stated (s: State): Promise<void> {
    if (this.state !== undefined && s.version <= this.state.version && s.group === this.state.group) return
    if (levels.indexOf(s.level) < levels.indexOf(this.#level)) this.on.note({ what: 'level', detail: s.level })
    this.#stricter(s.level)
    if (s.pending !== undefined && s.pending !== 'internal') this.consent.forbid() // the session is stricter already, the call not yet
    if (s.declare !== true) this.#declined = false
    if ((this.state?.stream === undefined) !== (s.stream === undefined)) this.on.note({ what: s.stream === undefined ? 'stream-off' : 'stream-on' })
    this.state = s
    this.#present()
    // who has been taken in waits no more; for a clerk, whom the chair's device is still to take in does not, either
    for (const p of s.people) if (p.leaf >= 0 || this.role !== 'chair') this.knocks.delete(p.id)
    if (s.group !== undefined && this.#groupId !== '' && s.group !== this.#groupId && this.#group !== undefined) {
      // the server has the group made anew
      this.#clear()
      this.phase = 'waiting'
      await this.#offerPackage(this.joined!.suite)
      return
    }
    this.#wants(s)
  }

  // wants: only tracks of leaves that the group knows, and each only as that leaf's.
  #wants (s: State): void {
    const leafOf = new Map(s.people.map((p) => [p.id, p.leaf]))
    const wanted: Wanted[] = s.tracks.flatMap((t) => {
      const leaf = leafOf.get(t.participant) ?? -1
      const mine = t.participant === this.joined?.participant
      if (mine || this.#group?.member(leaf) === undefined || (this.self.mode === 'companion' && t.source === 'microphone')) return []
      return [{ track: t.id, leaf, source: t.source }]
    })
    this.media?.want(wanted)
  }

  // pump has one commit of this device under way at a time.
  async #pump (): Promise<void> {
    const g = this.#group
    if (g === undefined || this.#flying || this.phase !== 'in' || this.stuck) return
    const task = this.#task?.group === this.#groupId ? this.#task : undefined
    this.#task = undefined
    const removes = (task?.remove ?? []).filter((l) => g.member(l) !== undefined && l !== g.leaf)
    const adds = (task?.add ?? []).map((a) => ({ keyPackage: fromBase64(a.package), admission: a.admission ?? '' })).filter((a) => !g.holds(a.keyPackage))
    if (removes.length + adds.length > 0) {
      try {
        this.#fly(await g.change(adds, removes))
        this.#redo = task
        return
      } catch (err) {
        // the server asked for what members must refuse
        this.on.note({ what: 'commit', detail: describe(err) })
        if (removes.length > 0) { this.#fly(await g.change([], removes)); return }
      }
    }
    if (this.#refresh) this.#fly(await g.refresh())
  }

  #redo: Task | undefined

  #fly (p: { commit: Bytes, welcome: Bytes | undefined, epoch: bigint }): void {
    this.#flying = true
    this.#send({ type: 'commit', group: this.#groupId, epoch: Number(p.epoch), commit: toBase64(p.commit), ...(p.welcome && { welcome: toBase64(p.welcome) }) })
  }

  async #committed (commit: Bytes): Promise<void> {
    const g = this.#group
    if (g === undefined || this.stuck) return
    let turn: Turn
    try {
      turn = await g.process(commit)
    } catch (err) {
      this.#stick(err)
      return
    }
    if (turn.out) { this.#end('removed', { de: '', en: '' }); return }
    if (turn.committer === g.leaf) {
      this.#flying = false
      this.#redo = undefined
      if (turn.added.length + turn.removed.length === 0) this.#refresh = false
    }
    for (const x of turn.removed) {
      this.on.note({ what: 'left', who: this.nameOf(x.leaf) || x.member })
      this.selves.delete(x.leaf)
    }
    await this.#keys(turn.removed.length > 0)
    for (const x of turn.added) {
      if (this.role === 'chair') this.#admitted.set(x.member, x.passkey)
      this.#announce.add(x.leaf)
      setTimeout(() => { this.#greet(x.leaf) }, 4000)
    }
    if (this.state !== undefined) this.#wants(this.state)
    if (turn.added.length > 0) setTimeout(() => { void this.say({ t: 'self', self: this.self }).catch(() => {}) }, 100 + Math.random() * 300)
    await this.#pump()
  }

  // greet says who has joined as soon as they have said their name, or without it.
  #announce = new Set<number>()
  #greet (leaf: number): void { if (this.#announce.delete(leaf) && this.member(leaf) !== undefined) this.on.note({ what: 'joined', who: this.nameOf(leaf) }) }

  // stick: a commit that the server has put first must be refused. Nothing is sent any more; others will say the same, or
  // this device is in another group than they: the code on the screen shows which.
  #stick (err: unknown): void {
    this.stuck = true
    const words: StuckWhy[] = ['form', 'epoch', 'proposal', 'not-admitted', 'identity', 'signature']
    const why = words.find((w) => err instanceof Refusal && err.word === w) ?? 'other'
    this.on.note({ what: 'commit', detail: describe(err) })
    this.#send({ type: 'stuck', group: this.#groupId, epoch: Number(this.epoch), why })
    const round = this.#round
    setTimeout(() => { if (this.stuck && round === this.#round) this.#anew() }, 5000)
  }

  async #commitRefused (why: string): Promise<void> {
    this.#flying = false
    this.#group?.giveUp()
    if (why === 'late') this.#task ??= this.#redo
    this.#redo = undefined
    await this.#pump()
  }

  #knocked (k: Knock): void {
    if (k.package === undefined && !k.lobby) return
    this.knocks.set(k.participant, k)
    this.#serial(() => this.#again(k))
  }

  // again lets in by itself whom this device has let in before, as long as it is the same passkey.
  async #again (k: Knock): Promise<void> {
    if (this.role !== 'chair' || k.package === undefined) return
    if (this.#group === undefined) {
      if (k.participant === this.joined?.participant) await this.#signOwn()
      return
    }
    const who = await Group.identityOf(fromBase64(k.package), this.#judge()).catch(() => undefined)
    if (who === undefined) return
    const before = this.#admitted.get(who.member)
    if (before === who.passkey) await this.#sign(k)
    else if (before !== undefined) this.on.note({ what: 'passkey', who: who.member })
  }

  // signOwn is the word of a chair's device for itself, where a group goes on without one: members and server remember who has
  // presided in it, by the passkey.
  async #signOwn (): Promise<void> {
    const j = this.joined
    if (j === undefined || this.#ticket === undefined) return
    const admission = await signAdmission((m) => sign(this.o.device, m), j.room, this.#ticket.ref, utf8(this.o.bound.binding), Date.now())
    this.#send({ type: 'admit', participant: j.participant, admission })
  }

  async #sign (k: Knock): Promise<void> {
    const { ref, binding } = await Group.packageOf(fromBase64(k.package!), this.#group!)
    const admission = await signAdmission((m) => sign(this.o.device, m), this.joined!.room, ref, binding, Date.now())
    const who = await Group.identityOf(fromBase64(k.package!), this.#judge())
    this.#admitted.set(who.member, who.passkey)
    this.knocks.delete(k.participant)
    this.#send({ type: 'admit', participant: k.participant, admission })
    this.on.changed()
  }

  // admit is people's word. A chair's device signs it; a clerk's asks the chair's to.
  admit (participant: string): void {
    const k = this.knocks.get(participant)
    if (k === undefined) return
    if (this.role === 'chair' && k.package !== undefined) { this.#serial(() => this.#sign(k)); return }
    this.knocks.delete(participant)
    this.#send({ type: 'admit', participant })
    this.on.changed()
  }

  refuse (participant: string): void {
    this.knocks.delete(participant)
    this.#send({ type: 'refuse', participant })
    this.on.changed()
  }

  // remove ends somebody's part: forwarding at once, the keys with the commit that follows.
  remove (leaf: number): void {
    const m = this.#group?.member(leaf)
    const p = this.person(leaf)
    if (m === undefined || p === undefined) return
    this.#admitted.delete(m.member)
    this.#send({ type: 'remove', participant: p.id })
  }

  // prefer asks for no pictures at all, or for all.
  prefer (audioOnly: boolean): void {
    this.#send({ type: 'prefer', ...(audioOnly && { off: this.tracks.filter((x) => x.source !== 'microphone').map((x) => x.track) }) })
  }

  hand (up: boolean): void { this.#send({ type: 'hand', up }) }
  lower (leaf: number): void { const p = this.person(leaf); if (p) this.#send({ type: 'hand', up: false, participant: p.id }) }
  floor (leaf: number | undefined): void {
    const p = leaf === undefined ? undefined : this.person(leaf)
    this.#send({ type: 'floor', ...(p && { participant: p.id }) })
  }

  #refusedFrames (t: Incoming, c: TrackCount): void {
    const serious = Object.entries(c.why).filter(([why]) => why !== 'stale' && why !== 'no-key').map(([why, n]) => `${why} ${n}`)
    if (serious.length > 0) this.on.note({ what: 'frames', who: this.nameOf(t.leaf), detail: serious.join(', ') })
  }

  // say tells the group something.
  async say (w: Word): Promise<void> {
    const g = this.#group
    if (g === undefined || this.stuck) return
    await this.#put(g, w)
    if (w.t === 'chat') this.chat.push({ from: this.self.name, role: this.role, text: w.text, at: w.at, own: true })
    this.on.changed()
  }

  async #put (g: Group, word: Word): Promise<void> {
    const message = toBase64(await g.seal(utf8(JSON.stringify(word))))
    const n = ++this.#saying
    this.#said.set(n, { word, to: word.t === 'mute' ? g.member(word.leaf)?.member ?? '' : '' })
    this.#said.delete(n - 64)
    this.#send({ type: 'application', group: this.#groupId, message, n })
  }

  // sayAgain seals a word once more that came after its epoch: of oneself what is so now, an order only to whom it was.
  async #sayAgain (n: number): Promise<void> {
    const g = this.#group
    const said = this.#said.get(n)
    this.#said.delete(n)
    if (g === undefined || said === undefined || this.stuck) return
    const { word, to } = said
    if (word.t === 'mute' && g.member(word.leaf)?.member !== to) return
    await this.#put(g, word.t === 'self' ? { t: 'self', self: this.self } : word)
  }

  async #delivered (data: Bytes): Promise<void> {
    const heard = await this.#group?.open(data).catch(() => undefined) // of an epoch that is over, or forged: nobody said it
    const w = heard && readWord(heard.message)
    if (heard === undefined || w === undefined) return
    const from = heard.from
    if (w.t === 'self') {
      this.selves.set(from.leaf, w.self)
      this.#greet(from.leaf)
    }
    if (w.t === 'chat') this.chat.push({ from: this.nameOf(from.leaf), role: from.role, text: w.text, at: w.at, own: false })
    if (w.t === 'record') this.consent.heard(from.leaf, from.role, w.id, w.what)
    if (w.t === 'mute' && mayOrder(from.role) && w.leaf === this.leaf && this.self.mic) {
      await this.turnOff('microphone')
      this.on.note({ what: 'muted', who: this.nameOf(from.leaf) })
    }
  }

  async turnOn (source: Source, track: MediaStreamTrack): Promise<void> {
    if (this.media === undefined) throw new Error('conference: not in the call yet')
    this.#tracks.set(source, track)
    track.onended = () => { void this.turnOff(source) }
    try {
      await this.media.send(source, track)
    } catch (err) {
      track.stop()
      this.#tracks.delete(source)
      throw err
    }
    this.#send({ type: 'mute', source, muted: false })
    await this.#mine(source, true)
  }

  async turnOff (source: Source): Promise<void> {
    this.#tracks.get(source)?.stop()
    this.#tracks.delete(source)
    this.#send({ type: 'mute', source, muted: true })
    await this.media?.silence(source)
    await this.#mine(source, false)
  }

  // swap puts another picture in the place of one that is sent, if that still is.
  async swap (source: Source, old: MediaStreamTrack, track: MediaStreamTrack): Promise<void> {
    if (this.#tracks.get(source) !== old) { track.stop(); return }
    this.#tracks.set(source, track)
    track.onended = () => { void this.turnOff(source) }
    await this.media?.swap(source, track)
    this.on.changed()
  }

  track (source: Source): MediaStreamTrack | undefined { return this.#tracks.get(source) }

  async #mine (source: Source, on: boolean): Promise<void> {
    const key = source === 'microphone' ? 'mic' : source === 'camera' ? 'cam' : 'screen'
    this.self = { ...this.self, [key]: on }
    await this.say({ t: 'self', self: this.self })
    this.on.changed()
  }

  leave (): void {
    this.#send({ type: 'leave' })
    this.#end('left', { de: '', en: '' })
  }

  // declare says to the others, and to the room, whether this person is alone in their own.
  async declare (alone: boolean): Promise<void> {
    this.#send({ type: 'declare', alone })
    this.#declined = !alone
    this.self = { ...this.self, alone }
    await this.say({ t: 'self', self: this.self })
    this.on.changed()
  }

  #declined = false

  // undeclared: the session asks, and this person has not said it, or not since it began to ask.
  get undeclared (): boolean {
    const mine = this.person(this.leaf)
    return this.state?.declare === true && this.self.mode === 'person' && mine?.declaration === false && !this.#declined
  }

  // stream opens the call for public streams, or ends them. What a gateway sends is never shown here: this page opens sealed frames only.
  stream (on: boolean): void { this.#send({ type: 'stream', on }) }
  removeGateway (participant: string): void { this.#send({ type: 'remove', participant }) }
  get gateways (): State['people'] { return this.state?.people.filter((p) => p.role === 'gateway' && p.leaf < 0) ?? [] }

  endForAll (): void { this.#send({ type: 'end' }) }
  raise (): void { this.#send({ type: 'raise' }) }

  // clear drops keys, pictures and group; what this device had turned on is turned on again when it is back.
  #clear (): void {
    this.consent.turned(-1, new Map(), false)
    this.media?.close()
    this.media = undefined
    this.#group = undefined
    this.#groupId = ''
    this.#task = this.#redo = undefined
    this.#flying = this.#refresh = this.stuck = false
    this.#ticket = undefined
    this.selves.clear()
    this.#said.clear()
    this.code = ''
  }

  #end (reason: string, text: Text): void {
    this.#round++
    const line = this.#line
    setTimeout(() => { line?.close() }, 200) // the last message is on its way
    this.#clear()
    for (const t of this.#tracks.values()) t.stop()
    this.#tracks.clear()
    this.knocks.clear()
    this.state = undefined
    this.ended = { reason, text }
    this.phase = 'over'
    this.on.changed()
  }

  // anew leaves everything of this seat and takes another.
  #anew (): void {
    this.#clear()
    this.joined = undefined
    this.state = undefined
    this.#lineLost()
  }

  #lineLost (): void {
    if (this.phase === 'over') return
    this.#round++
    this.#line?.close()
    this.#line = undefined
    this.phase = 'lost'
    this.#flying = false
    const round = this.#round
    setTimeout(() => { if (round === this.#round) this.start() }, RETRY[this.#attempt++] ?? 1000)
    this.on.changed()
  }

  // fingerprint of a member's key, for those who compare it by telephone.
  static fingerprint (m: Member): string { return hex(m.signatureKey).slice(0, 16).replace(/(.{4})(?=.)/g, '$1 ') }
}

// describe is a word for people's page; the whole of it goes to the console.
function describe (err: unknown): string {
  console.warn('conference: refused:', err)
  return err instanceof Refusal ? err.word : 'other'
}

