// Call ties line, group and media together and keeps the rules: door.ts has who waits to come in, speech.ts what is said, commits.ts
// what this device changes, sources.ts what it sends, lifeline.ts the line. It draws nothing: page.ts does.
//
// A line that is lost is taken up again where it ended, with the same keys. Whatever else goes wrong ends one way: keys and
// pictures are dropped, and this device joins anew with a new leaf. Its signature key, which the binding names, stays for as
// long as the page does.
import { Asks } from './asks'
import { fromBase64, toBase64, utf8, hex, type Bytes } from './bytes'
import { judge, type Level } from './binding'
import { Commits } from './commits'
import { Consent } from './consent'
import { Door } from './door'
import type { Bound } from './entry'
import type { Source } from './frames'
import { Group, newTicket, sign, type Device, type Identity, type Judge, type Member, type Ticket, type Turn } from './group'
import { handKeys, heardFirst } from './keys'
import { Lifeline, type Dial } from './lifeline'
import { Media, type Incoming } from './media'
import { Refusal, describe } from './refusal'
import { Renewal } from './renewal'
import { PROTOCOL, dial, type FromServer, type Joined, type Knock, type State, type StuckWhy, type Text, type ToServer } from './signal'
import { Sources } from './sources'
import { Speech, type Chat } from './speech'
import { wanted } from './wanted'
import { tellsCode, type Self, type Word } from './words'
import type { TrackCount } from './wire'

export type Phase = 'connecting' | 'lobby' | 'waiting' | 'in' | 'lost' | 'over'

export type NoteWhat = 'sealed' | 'joined' | 'left' | 'frames' | 'commit' | 'tripwire' | 'muted' | 'please-mute' | 'passkey' | 'level' | 'server' | 'stream-on' | 'stream-off'
export interface Note { what: NoteWhat, who?: string, role?: string, by?: string, detail?: string, text?: Text }

export interface Options { url: string, workerUrl: string, origin: string, device: Device, bound: Bound, self: Self }

export interface CallEvents { changed: () => void, note: (n: Note) => void, record: (what: 'start' | 'pause' | 'resume' | 'stop') => void }

// Means are what a call reaches the world by: the browser's line and media, but in tests.
export interface Means { dial: Dial, media: (...a: ConstructorParameters<typeof Media>) => Media }

const browsers: Means = { dial, media: (...a) => new Media(...a) }

const levels: readonly Level[] = ['public', 'internal', 'nonpublic', 'confidential']

export class Call {
  phase: Phase = 'connecting'
  ended: { reason: string, text: Text } | undefined
  joined: Joined | undefined
  state: State | undefined
  code = ''
  speakers: string[] = []
  paused: readonly string[] = [] // tracks that the server does not send here just now
  stuck = false
  media: Media | undefined
  self: Self
  readonly consent = new Consent({
    say: (id, what) => { void this.say({ t: 'record', id, what }).catch((err: unknown) => { console.warn('conference:', err) }) },
    record: (what) => { this.on.record(what) },
    tell: (what) => { this.#send({ type: 'recording', what }) }
  })

  readonly asks = new Asks((m) => { this.#send(m) }, (leaf) => this.person(leaf))
  readonly #line: Lifeline

  readonly #door = new Door({
    seat: () => this.joined,
    group: () => this.#group,
    groupThere: () => {
      const id = this.state?.group ?? this.joined?.group
      return id === undefined ? undefined : fromBase64(id)
    },
    ticket: () => this.#ticket,
    binding: () => this.o.bound.binding,
    sign: (m) => sign(this.o.device, m),
    judge: () => this.#judge(),
    serial: (run) => { this.#serial(run) },
    send: (m) => { this.#send(m) },
    changed: () => { this.on.changed() },
    otherPasskey: (who) => { this.on.note({ what: 'passkey', who }) }
  })

  readonly #speech = new Speech({
    group: () => this.#group,
    silent: () => this.stuck,
    self: () => this.self,
    role: () => this.role,
    send: (message, n) => { this.#send({ type: 'application', group: this.#groupId, message, n }) },
    nameOf: (leaf) => this.nameOf(leaf),
    consent: (from, id, what) => { this.consent.heard(from.leaf, from.role, id, what) },
    muted: async (by) => {
      await this.turnOff('microphone')
      this.on.note({ what: 'muted', who: this.nameOf(by.leaf) })
    },
    removed: (by, member) => { this.#removed(by.role, member) },
    joined: (leaf) => { this.on.note({ what: 'joined', who: this.selves.get(leaf)?.name, role: this.member(leaf)?.role }) },
    changed: () => { this.on.changed() }
  })

  readonly #commits = new Commits({
    group: () => this.#group,
    id: () => this.#groupId,
    ready: () => this.phase === 'in' && !this.stuck,
    send: (m) => { this.#send(m) },
    refused: (err) => { this.on.note({ what: 'commit', detail: describe(err) }) },
    serial: (run) => { this.#serial(run) }
  })

  readonly #sources = new Sources({
    outlet: () => this.media,
    said: (source, on) => { this.#send({ type: 'mute', source, muted: !on }) },
    mine: (source, on) => this.#mine(source, on),
    unsealed: (source) => { this.on.note({ what: 'sealed', detail: source }) },
    changed: () => { this.on.changed() }
  })

  readonly #renewal = new Renewal(() => this.phase === 'in', () => { void this.media?.renew() })

  #group: Group | undefined
  #groupId = ''
  #tag = 0
  #ticket: Ticket | undefined
  #level: Level = 'public'
  #declined = false
  #tail: Promise<unknown> = Promise.resolve()

  constructor (readonly o: Options, readonly on: CallEvents, readonly means = browsers) {
    this.self = o.self
    this.#line = new Lifeline(o.url, {
      hello: (seen) => this.#hello(seen),
      opened: () => { this.on.changed() },
      message: (m) => { this.#hear(m) },
      lost: () => { this.#lineLost() }
    }, means.dial)
  }

  get knocks (): ReadonlyMap<string, Knock> { return this.#door.knocks }
  get knockers (): ReadonlyMap<string, Identity> { return this.#door.who }
  get chat (): readonly Chat[] { return this.#speech.chat }
  get selves (): ReadonlyMap<number, Self> { return this.#speech.selves }
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

  start (): void { this.#line.open() }

  #hello (seen: number): ToServer {
    return {
      type: 'hello', protocol: PROTOCOL, companion: this.self.mode === 'companion', declaration: this.self.alone,
      ...(this.joined !== undefined && this.phase === 'lost' && { resume: this.joined.resume, seen })
    }
  }

  #send (m: ToServer): void { this.#line.send(m) }

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
      this.#line.took(m)
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
      case 'knock': this.#door.knocked(m); break
      case 'task': await this.#commits.asked(m); break
      case 'committed': if (m.group === this.#groupId) await this.#committed(fromBase64(m.commit)); break
      case 'commit-refused': if (m.group === this.#groupId) await this.#commits.cameSecond(m.why); break
      case 'application-refused': if (m.group === this.#groupId) await this.#speech.sayAgain(m.n); break
      case 'welcome': await this.#welcomed(m); break
      case 'delivered': if (m.group === this.#groupId) await this.#speech.delivered(fromBase64(m.message)); break
      case 'speakers': this.speakers = m.speakers ?? []; break
      case 'flow': this.paused = m.paused ?? []; break
      case 'please-mute': this.on.note({ what: 'please-mute', who: this.#nameOfParticipant(m.from) }); break
      case 'alarm':
        if (m.track === '') this.on.note({ what: 'server', who: this.#nameOfParticipant(m.participant), text: m.text }) // of the group, not of media
        else this.on.note({ what: 'tripwire', who: this.#nameOfParticipant(m.participant), detail: m.why })
        break
      case 'error':
        console.warn('conference: the server says', m.to, m.why)
        if (m.to === 'admit') this.#door.refused()
        if (m.to === 'admit' || m.to === 'refuse') this.on.note({ what: 'server', text: m.text })
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
    this.#line.held()
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

  #judge (): Judge {
    return judge(this.o.bound.server, this.joined!.room, this.o.origin, () => this.#level, () => Date.now())
  }

  // inside takes the group that a way in leads to. An open one is taken only by a page that was never told of a stricter level than public:
  // whoever was, is told and goes, for a server could lower a level to open a group.
  async #inside (into: Promise<Group>): Promise<boolean> {
    try {
      this.#group = await into
      return true
    } catch (err) {
      if (!(err instanceof Refusal) || err.word !== 'open') throw err
      this.#end('open', {
        de: 'Hier galt bisher eine strengere Stufe. Jetzt sollte dieses Gerät in eine Gruppe, in die auch ohne Unterschrift der Sitzungsleitung aufgenommen wird; es hat abgelehnt. Ist die Sitzung inzwischen öffentlich, laden Sie die Seite neu.',
        en: 'A stricter level was in force here. Now this device was to enter a group into which people are taken without the chair\'s signature; it has refused. If the session is public by now, reload the page.'
      })
      return false
    }
  }

  async #found (group: string, tag: number, suite: Ticket['suite']): Promise<void> {
    if (this.#group !== undefined) this.#clear()
    if (this.#ticket?.suite !== suite) await this.#offerPackage(suite)
    this.#groupId = group
    this.#tag = tag
    if (!await this.#inside(Group.create(fromBase64(group), this.#ticket!, this.#judge(), this.#level === 'public'))) return
    this.#send({ type: 'founded', group })
    await this.#entered()
    await this.#door.opened()
  }

  async #welcomed (m: FromServer & { type: 'welcome' }): Promise<void> {
    if (this.#group !== undefined) return
    this.#groupId = m.group
    this.#tag = m.tag
    if (!await this.#inside(Group.join(fromBase64(m.group), fromBase64(m.welcome), this.#ticket!, this.#judge(), this.#level === 'public'))) return
    this.#commits.owes((await this.#entered()).media)
  }

  // entered begins the call in a group; media resolves when they are under way.
  async #entered (): Promise<{ media: Promise<void> }> {
    const j = this.joined!
    const codec = j.codecs[0] === 'vp9' ? 'vp9' : 'vp8'
    this.media = this.means.media(this.o.workerUrl, codec, {
      changed: () => { this.on.changed() },
      failed: () => { this.#renewal.lost(performance.now()) },
      refused: (t, c) => { this.#refusedFrames(t, c) },
      lost: (t) => { if (t.source !== 'microphone') this.#send({ type: 'key-frame', track: t.track }) },
      offer: (n, fresh, sdp, send, receive) => { this.#send({ type: 'offer', n, ...(fresh && { fresh }), sdp, send, receive }) }
    })
    this.phase = 'in'
    this.stuck = false
    await this.#keys(true)
    const media = this.media.connect(j.ice, this.self.mode === 'companion' ? ['screen'] : ['microphone', 'camera', 'screen'])
    if (this.state !== undefined) this.#wants(this.state)
    this.#sources.resume(this.media)
    await this.say({ t: 'self', self: this.self })
    return { media } // in something, or whoever waits for this would wait for media, too
  }

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
    this.#door.seen(s.people, s.waiting)
    const another = s.group !== undefined && this.#groupId !== '' && s.group !== this.#groupId
    if (this.#group !== undefined && (another || this.#group.unsigned && this.#level !== 'public')) {
      // the server has the group made anew, or must: an open one is none for a stricter level
      this.#clear()
      this.phase = 'waiting'
      await this.#offerPackage(this.joined!.suite)
      return
    }
    this.#wants(s)
  }

  #wants (s: State): void {
    this.media?.want(wanted(s, this.joined?.participant, (leaf) => this.#group?.member(leaf) !== undefined, this.self.mode === 'companion'))
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
    this.#commits.held(turn, g.leaf)
    // whoever is here commits for who has gone; that one by a page other than the chair's or a clerk's was thrown out is to be seen
    const hand = g.member(turn.committer)
    const by = hand === undefined || hand.leaf === g.leaf || hand.role === 'chair' || hand.role === 'clerk' ? '' : this.nameOf(hand.leaf) || hand.member
    for (const x of turn.removed) {
      this.on.note({ what: 'left', who: this.nameOf(x.leaf) || x.member, ...(by && { by }) })
      this.#speech.left(x.leaf)
    }
    await this.#keys(turn.removed.length > 0)
    for (const x of turn.added) {
      this.#speech.entered(x.leaf)
    }
    if (this.state !== undefined) this.#wants(this.state)
    if (turn.added.length > 0) setTimeout(() => { void this.say({ t: 'self', self: this.self }).catch(() => {}) }, 100 + Math.random() * 300)
    await this.#commits.pump()
  }

  // stick: a commit that the server has put first must be refused. Nothing is sent any more; others will say the same, or
  // this device is in another group than they: the code on the screen shows which.
  #stick (err: unknown): void {
    this.stuck = true
    const words: StuckWhy[] = ['form', 'epoch', 'proposal', 'not-admitted', 'identity', 'signature']
    const why = words.find((w) => err instanceof Refusal && err.word === w) ?? 'other'
    this.on.note({ what: 'commit', detail: describe(err) })
    this.#send({ type: 'stuck', group: this.#groupId, epoch: Number(this.epoch), why })
    const { round } = this.#line
    setTimeout(() => { if (this.stuck && round === this.#line.round) this.#anew() }, 5000)
  }

  admit (participant: string): void { this.#door.admit(participant) }
  refuse (participant: string): void { this.#door.refuse(participant) }

  // remove ends somebody's part: forwarding at once, the keys with the commit that follows. The group is told by this device's own word, so
  // that no chair's device lets them in again by itself, whatever the server says of who removed whom.
  remove (leaf: number): void {
    const m = this.#group?.member(leaf)
    const p = this.person(leaf)
    if (m === undefined || p === undefined) return
    this.#removed(this.role, m.member)
    void this.say({ t: 'remove', member: m.member })
      .catch((err: unknown) => { console.warn('conference:', err) })
      .then(() => { this.#send({ type: 'remove', participant: p.id }) })
  }

  // removed: a clerk's word does not reach a chair.
  #removed (by: string, member: string): void {
    if (by !== 'chair' && this.#group?.presided(member) !== false) return
    this.#door.forget(member)
    this.#group?.dismiss(member)
  }

  #refusedFrames (t: Incoming, c: TrackCount): void {
    const serious = Object.entries(c.why).filter(([why]) => why !== 'stale' && why !== 'no-key').map(([why, n]) => `${why} ${n}`)
    if (serious.length > 0) this.on.note({ what: 'frames', who: this.nameOf(t.leaf), detail: serious.join(', ') })
  }

  // say tells the group something.
  say (w: Word): Promise<void> { return this.#speech.say(w) }

  track (source: Source): MediaStreamTrack | undefined { return this.#sources.track(source) }
  turnOn (source: Source, track: MediaStreamTrack): Promise<void> { return this.#sources.turnOn(source, track) }
  turnOff (source: Source): Promise<void> { return this.#sources.turnOff(source) }
  swap (source: Source, old: MediaStreamTrack, track: MediaStreamTrack): Promise<void> { return this.#sources.swap(source, old, track) }

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

  // undeclared: the session asks, and this person has not said it, or not since it began to ask.
  get undeclared (): boolean {
    const mine = this.person(this.leaf)
    return this.state?.declare === true && this.self.mode === 'person' && mine?.declaration === false && !this.#declined
  }

  // gateways are in no group.
  get gateways (): State['people'] { return this.state?.people.filter((p) => p.role === 'gateway' && p.leaf < 0) ?? [] }

  // clear drops keys, pictures and group; what this device had turned on is turned on again when it is back.
  #clear (): void {
    this.consent.turned(-1, new Map(), false)
    this.media?.close()
    this.media = undefined
    this.#group = undefined
    this.#groupId = ''
    this.stuck = false
    this.#ticket = undefined
    this.#commits.clear()
    this.#speech.clear()
    this.paused = []
    this.code = ''
  }

  #end (reason: string, text: Text): void {
    this.#line.end()
    this.#clear()
    this.#sources.stop()
    this.#door.clear()
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
    this.phase = 'lost'
    this.#commits.lost()
    this.#door.lost()
    this.#line.again()
    this.on.changed()
  }

  // fingerprint of a member's key, for those who compare it by telephone.
  static fingerprint (m: Member): string { return hex(m.signatureKey).slice(0, 16).replace(/(.{4})(?=.)/g, '$1 ') }
}
