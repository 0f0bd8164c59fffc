// Consent is who has agreed to a recording, as each member's page keeps it: pure, told of words, members and level. A chair or clerk
// asks; nobody has agreed until they say so; the asker's device records only while every member has said yes to this question and
// nobody is there who cannot be asked. A newcomer holds it up until they have agreed; one no, at any time, ends it. Where the
// level does not allow it, no word about it is heeded.
import { mayOrder } from './words'

export type ConsentWord = 'ask' | 'yes' | 'no' | 'on' | 'pause' | 'end'
export const consentWords: readonly ConsentWord[] = ['ask', 'yes', 'no', 'on', 'pause', 'end']

export type Phase = 'none' | 'asked' | 'on' | 'paused'

export interface ConsentEvents {
  say: (id: string, what: ConsentWord) => void // to the group
  record: (what: 'start' | 'pause' | 'resume' | 'stop') => void // on the asker's own device
  tell: (what: 'begin' | 'pause' | 'end' | 'withdrawn') => void // to the server, for the journal
}

// Present are the members by leaf, each with what tells them from one who takes their leaf later.
export type Present = ReadonlyMap<number, string>

export class Consent {
  phase: Phase = 'none'
  asker = -1
  mine: boolean | undefined // what the person here has answered
  #id = ''
  #self = -1
  #allowed = true
  #present: Present = new Map()
  #strangers = false
  #yes = new Map<number, string>()
  #began = false

  constructor (readonly on: ConsentEvents) {}

  get asking (): boolean { return this.phase !== 'none' && this.asker === this.#self }
  get allowed (): boolean { return this.#allowed }
  // agreed says how many of those present have said yes, as far as this page has heard.
  get agreed (): number { return [...this.#present].filter(([leaf, who]) => this.#yes.get(leaf) === who).length }
  get strangers (): boolean { return this.#strangers }

  // forbid is for good: a level that once was stricter is not believed to be less strict again.
  forbid (): void {
    if (!this.#allowed) return
    this.#allowed = false
    if (this.asking) this.#finish()
    else this.#clear()
  }

  // turned says who is there now; strangers, that somebody is who is in no group and cannot be asked; again, that a new epoch began, in
  // which words of the one before may have been lost.
  turned (self: number, present: Present, strangers: boolean, again = false): void {
    if (this.phase !== 'none' && (this.#self !== self || !present.has(this.asker))) {
      if (this.asking) this.#finish()
      else this.#clear()
    }
    const newcomers = [...present].some(([leaf, who]) => this.#present.get(leaf) !== who)
    this.#self = self
    this.#present = new Map(present)
    this.#strangers = strangers
    for (const [leaf, who] of this.#yes) if (present.get(leaf) !== who) this.#yes.delete(leaf)
    this.#settle()
    if (this.asking && (newcomers || again && this.phase !== 'on')) this.on.say(this.#id, 'ask')
  }

  // ask begins, with a fresh id.
  ask (id: string, role: string): void {
    if (!this.#allowed || this.phase !== 'none' || !mayOrder(role)) return
    this.#begin(id, this.#self)
    this.mine = true
    this.#agree(this.#self)
    this.on.say(id, 'ask')
    this.#settle()
  }

  // answer is the word of the person here; a no after a yes takes it back.
  answer (yes: boolean): void {
    if (this.phase === 'none' || this.mine === yes) return
    if (this.asking) { if (!yes) this.stop(); return }
    const withdrawn = this.mine === true
    this.mine = yes
    if (yes) this.#agree(this.#self)
    else this.#yes.delete(this.#self)
    this.on.say(this.#id, yes ? 'yes' : 'no')
    if (withdrawn) this.on.tell('withdrawn')
  }

  // stop is the asker's word that it is over.
  stop (): void { if (this.asking) this.#finish() }

  // heard takes a member's word; its leaf has signed it.
  heard (from: number, role: string, id: string, what: ConsentWord): void {
    if (!this.#allowed || from === this.#self || !this.#present.has(from)) return
    if (what === 'ask') {
      if (this.phase === 'none' && mayOrder(role)) this.#begin(id, from)
      if (id !== this.#id || from !== this.asker) return
      this.#agree(from)
      if (this.mine === true) this.on.say(id, 'yes')
      return
    }
    if (this.phase === 'none' || id !== this.#id) return
    if (what === 'yes') this.#agree(from)
    else if (what === 'no') {
      this.#yes.delete(from)
      if (this.asking) this.#finish()
      return
    } else if (from !== this.asker) return
    else if (what === 'end') this.#clear()
    else this.phase = what === 'on' ? 'on' : 'paused'
    this.#settle()
  }

  #begin (id: string, asker: number): void {
    this.#clear()
    this.#id = id
    this.asker = asker
    this.phase = 'asked'
  }

  #agree (leaf: number): void {
    const who = this.#present.get(leaf)
    if (who !== undefined) this.#yes.set(leaf, who)
  }

  // settle is the asker's: recording, or not, follows from who has agreed.
  #settle (): void {
    if (!this.asking) return
    const all = !this.#strangers && this.#present.size > 0 && this.agreed === this.#present.size
    if (all && this.phase !== 'on') {
      this.on.record(this.#began ? 'resume' : 'start')
      this.#began = true
      this.phase = 'on'
      this.on.say(this.#id, 'on')
      this.on.tell('begin')
    } else if (!all && this.phase === 'on') {
      this.on.record('pause')
      this.phase = 'paused'
      this.on.say(this.#id, 'pause')
      this.on.tell('pause')
    }
  }

  #finish (): void {
    if (this.#began) { this.on.record('stop'); this.on.tell('end') }
    this.on.say(this.#id, 'end')
    this.#clear()
  }

  #clear (): void {
    this.phase = 'none'
    this.asker = -1
    this.mine = undefined
    this.#id = ''
    this.#began = false
    this.#yes.clear()
  }
}
