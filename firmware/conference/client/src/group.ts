// Group: the MLS group of a call (RFC 9420, by ts-mls) with the rules of this house. Pure: no page, no network, no clock of
// its own. Messages go in and out as bytes; whether a commit was the first of its epoch, the server says.
//
//	- commits are PublicMessages of members, with add and remove proposals inside them and nothing else
//	- whether a group is open is in its id, and so in all that its members agree on: nobody can be told another thing later
//	- in a group that is not open an add carries, in the commit's authenticated data, the word of the chair's device for this group
//	  (binding.ts); members refuse others. A key package is good for one time
//	- who has been taken in commits once at once: the group forgets what the one who added them knew, and no leaf stays
//	  unmerged (ts-mls 1.6.4 refuses trees in which one is known to some of its ancestors only)
//	- a committer never changes its identity
//	- frame keys come from the exporter, one per leaf and epoch; chat and orders are application messages
import {
  createApplicationMessage, createCommit, createGroup, decodeMlsMessage, defaultCapabilities, emptyPskIndex,
  encodeMlsMessage, generateKeyPackageWithKey, joinGroup, mlsExporter,
  processPrivateMessage, processPublicMessage, zeroOutUint8Array,
  type CiphersuiteImpl, type ClientState, type KeyPackage, type LeafNode, type PrivateKeyPackage, type Proposal
} from 'ts-mls'
import { defaultClientConfig, type ClientConfig } from 'ts-mls/clientConfig.js'
import { makeKeyPackageRef } from 'ts-mls/keyPackage.js'
import { decryptSenderData } from 'ts-mls/privateMessage.js'
import type { Doorway } from './binding'
import { concat, equal, hex, u32, utf8, type Bytes } from './bytes'
import { Known } from './known'
import { Refusal } from './refusal'
import { suiteName, suiteOf, type MlsSuite } from './suite'

export type { MlsSuite }

// PQ_SEATS is up to how many seats the hybrid suite is the default.
export const PQ_SEATS = 30

export function suiteFor (seats: number, allowed: readonly MlsSuite[] = ['xwing', 'x25519']): MlsSuite {
  const want: MlsSuite = seats <= PQ_SEATS ? 'xwing' : 'x25519'
  if (allowed.includes(want)) return want
  const other = allowed[0]
  if (other === undefined) throw new Error('group: no cipher suite is allowed')
  return other
}

// isOpen reads in a group's id whether its members take people in without the word of a chair's device.
export const isOpen = (id: Uint8Array): boolean => (id[0]! & 1) === 1

// Identity is what a leaf's binding says, checked: passkey is '' without one, signatureKey the leaf's own.
export interface Identity { member: string, role: string, passkey: string, binding: Uint8Array, signatureKey: Uint8Array, factors?: readonly string[] }

// Judge decides about identities. The real one is in binding.ts.
export interface Judge {
  // identify checks the identity in a leaf against its signature key, or throws a Refusal.
  identify: (identity: Uint8Array, signatureKey: Uint8Array) => Promise<Identity>
  // admitted checks that one of the chairs' keys has signed that this key package may join, or throws a Refusal.
  admitted: (token: string, chairs: Uint8Array[], doorway: Doorway) => Promise<void>
}

// Device is the signature key of this device, for one call. The private key is PKCS #8, as ts-mls wants it.
export interface Device { publicKey: Bytes, signKey: Bytes }

export async function newDevice (): Promise<Device> {
  const impl = await suiteOf('x25519') // all suites here sign with Ed25519
  const pair = await impl.signature.keygen()
  return { publicKey: pair.publicKey as Bytes, signKey: pair.signKey as Bytes }
}

export async function sign (device: Device, message: Uint8Array): Promise<Bytes> {
  return await (await suiteOf('x25519')).signature.sign(device.signKey, message) as Bytes
}

// Ticket is a key package with its secrets: good for joining once.
export interface Ticket { suite: MlsSuite, message: Bytes, ref: Bytes, publicPackage: KeyPackage, privatePackage: PrivateKeyPackage }

export async function newTicket (suite: MlsSuite, device: Device, identity: Uint8Array, now: number): Promise<Ticket> {
  const impl = await suiteOf(suite)
  const seconds = BigInt(Math.floor(now / 1000))
  const lifetime = { notBefore: seconds - 3600n, notAfter: seconds + 13n * 3600n }
  const capabilities = { ...defaultCapabilities(), extensions: [], proposals: [], credentials: ['basic' as const], ciphersuites: [suiteName(suite)] }
  const { publicPackage, privatePackage } = await generateKeyPackageWithKey(
    { credentialType: 'basic', identity }, capabilities, lifetime, [], { signKey: device.signKey, publicKey: device.publicKey }, impl)
  const message = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: publicPackage }) as Bytes
  return { suite, message, ref: await makeKeyPackageRef(publicPackage, impl.hash) as Bytes, publicPackage, privatePackage }
}

export interface Member extends Identity { leaf: number }

// Turn says what a new epoch brought.
export interface Turn { epoch: bigint, committer: number, added: Member[], removed: Member[], out: boolean }

// Candidate is a key package somebody wants to join with, and the chair's word.
export interface Candidate { keyPackage: Uint8Array, admission: string }

interface Pending { commit: Bytes, welcome: Bytes | undefined, state: ClientState, turn: Turn, used: string[], consumed: Uint8Array[] }

export interface Proposed { commit: Bytes, welcome: Bytes | undefined, epoch: bigint }

const LABEL_FRAME = 'subrosa sframe v1'
const LABEL_CODE = 'subrosa room code v1'

function leafNodes (state: ClientState): Array<[number, LeafNode]> {
  const found: Array<[number, LeafNode]> = []
  for (let i = 0; i < state.ratchetTree.length; i += 2) {
    const node = state.ratchetTree[i]
    if (node?.nodeType === 'leaf') found.push([i / 2, node.leaf])
  }
  return found
}

function identityOf (leaf: LeafNode): Uint8Array {
  const c = leaf.credential
  if (c.credentialType !== 'basic') throw new Refusal('identity', 'a leaf has no basic credential')
  return (c as { identity: Uint8Array }).identity
}

export class Group {
  #state: ClientState
  #pending: Pending | undefined
  #members = new Map<number, Member>()
  #tail: Promise<unknown> = Promise.resolve()
  // chairs who have been in this group, so that one who comes back may come back without another chair
  #chairs = new Known()
  #used = new Set<string>() // references of key packages that were used in this group, as far as this device knows

  private constructor (readonly suite: MlsSuite, readonly impl: CiphersuiteImpl, readonly judge: Judge, state: ClientState) {
    this.#state = state
  }

  get id (): Uint8Array { return this.#state.groupContext.groupId }
  get unsigned (): boolean { return isOpen(this.id) } // people are taken in without the word of a chair
  get epoch (): bigint { return this.#state.groupContext.epoch }
  get leaf (): number { return this.#state.privatePath.leafIndex }
  get active (): boolean { return this.#state.groupActiveState.kind === 'active' }
  // ahead is how many others before this leaf have given themselves no keys of their own yet (RFC 9420, 7.2: their leaves are still those
  // of their key packages). Chairs do not count: who founds a group stays so until the first commit with a path.
  get ahead (): number {
    return leafNodes(this.#state).filter(([leaf, n]) => leaf < this.leaf && n.leafNodeSource === 'key_package' && this.#members.get(leaf)?.role !== 'chair').length
  }

  get members (): Member[] { return [...this.#members.values()] }
  member (leaf: number): Member | undefined { return this.#members.get(leaf) }

  static #config (judge: Judge): ClientConfig {
    return {
      ...defaultClientConfig,
      // chat of the epoch before is still read; frame keys have their own rule (frames.ts)
      keyRetentionConfig: { retainKeysForEpochs: 1, retainKeysForGenerations: 64, maximumForwardRatchetSteps: 1000 },
      lifetimeConfig: { maximumTotalLifetime: 15n * 3600n, validateLifetimeOnReceive: true },
      authService: {
        validateCredential: async (credential, key) => {
          if (credential.credentialType !== 'basic') return false
          await judge.identify((credential as { identity: Uint8Array }).identity, key)
          return true
        }
      }
    }
  }

  // create makes the group of the chair's device, which is alone in it. An open one is made only where mayBeOpen.
  static async create (id: Uint8Array, ticket: Ticket, judge: Judge, mayBeOpen = false): Promise<Group> {
    Group.#fits(id, mayBeOpen)
    const impl = await suiteOf(ticket.suite)
    const state = await createGroup(id, ticket.publicPackage, ticket.privatePackage, [], impl, Group.#config(judge))
    const g = new Group(ticket.suite, impl, judge, state)
    g.#used.add(hex(ticket.ref))
    await g.#look(state)
    return g
  }

  static #fits (id: Uint8Array, mayBeOpen: boolean): void {
    if (isOpen(id) && !mayBeOpen) throw new Refusal('open', 'the group would take people in without the word of the chair\'s device')
  }

  // join enters the group of a welcome. Every leaf in it is judged; one of them must be a chair's. An open group is entered only where mayBeOpen.
  static async join (id: Uint8Array, welcome: Uint8Array, ticket: Ticket, judge: Judge, mayBeOpen = false): Promise<Group> {
    Group.#fits(id, mayBeOpen)
    const impl = await suiteOf(ticket.suite)
    const m = decodeMlsMessage(welcome, 0)?.[0]
    if (m?.wireformat !== 'mls_welcome') throw new Refusal('form', 'this is no welcome')
    const state = await joinGroup(m.welcome, ticket.publicPackage, ticket.privatePackage, emptyPskIndex, impl, undefined, undefined, Group.#config(judge))
    if (!equal(state.groupContext.groupId, id)) throw new Refusal('group', 'the welcome is to another group')
    if (state.groupContext.extensions.length > 0) throw new Refusal('group', 'the group has extensions that are not known here')
    const g = new Group(ticket.suite, impl, judge, state)
    g.#used.add(hex(ticket.ref))
    await g.#look(state)
    if (![...g.#members.values()].some((x) => x.role === 'chair')) throw new Refusal('no-chair', 'no device of a chair is in the group')
    return g
  }

  static #package (bytes: Uint8Array): KeyPackage {
    const m = decodeMlsMessage(bytes, 0)?.[0]
    if (m?.wireformat !== 'mls_key_package') throw new Refusal('form', 'this is no key package')
    return m.keyPackage
  }

  // identityOf checks who wants to come in with a key package.
  static async identityOf (keyPackage: Uint8Array, judge: Judge): Promise<Identity> {
    const { leafNode } = Group.#package(keyPackage)
    return await judge.identify(identityOf(leafNode), leafNode.signaturePublicKey)
  }

  // holds tells whether the device of a key package is in the group already.
  holds (keyPackage: Uint8Array): boolean {
    const key = Group.#package(keyPackage).leafNode.signaturePublicKey
    return [...this.#members.values()].some((m) => equal(m.signatureKey, key))
  }

  // packageOf returns what an admission is about.
  static async packageOf (keyPackage: Uint8Array, group: Group): Promise<{ ref: Uint8Array, binding: Uint8Array }> {
    const kp = Group.#package(keyPackage)
    return { ref: await makeKeyPackageRef(kp, group.impl.hash), binding: identityOf(kp.leafNode) }
  }

  // serial runs one thing after the other: states must not fork.
  #serial<T> (run: () => Promise<T>): Promise<T> {
    const next = this.#tail.then(run, run)
    this.#tail = next.catch(() => {})
    return next
  }

  // change prepares a commit that removes leaves and takes candidates in. It holds once the server has ordered it.
  change (candidates: Candidate[], leaves: number[] = []): Promise<Proposed> {
    return this.#serial(async () => {
      if (leaves.includes(this.leaf)) throw new Error('group: nobody can remove themselves')
      const removes: Proposal[] = leaves.filter((l) => this.#members.has(l)).map((removed) => ({ proposalType: 'remove', remove: { removed } }))
      const adds: Proposal[] = candidates.map((c) => ({ proposalType: 'add', add: { keyPackage: Group.#package(c.keyPackage) } }))
      const words = adds.length > 0 ? utf8(JSON.stringify(candidates.map((c) => c.admission))) : new Uint8Array()
      return await this.#commit([...removes, ...adds], words)
    })
  }

  add (candidates: Candidate[]): Promise<Proposed> { return this.change(candidates) }

  remove (leaves: number[]): Promise<Proposed> { return this.change([], leaves) }

  // refresh gives this device new keys, so that what somebody may know of the old ones is worth nothing.
  refresh (): Promise<Proposed> { return this.#serial(() => this.#commit([], new Uint8Array())) }

  async #commit (extraProposals: Proposal[], authenticatedData: Uint8Array): Promise<Proposed> {
    const r = await createCommit({ state: this.#state, cipherSuite: this.impl },
      { wireAsPublicMessage: true, extraProposals, ratchetTreeExtension: true, authenticatedData })
    const commit = encodeMlsMessage(r.commit) as Bytes
    const welcome = r.welcome && encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome: r.welcome }) as Bytes
    const used = await this.#checkAdds(this.#state, extraProposals, authenticatedData)
    const turn = await this.#compare(r.newState, this.leaf)
    this.#pending = { commit, welcome, state: r.newState, turn, used, consumed: r.consumed }
    return { commit, welcome, epoch: this.epoch }
  }

  // process takes the commit that the server put first. It is a mistake of the server if it does not fit, and changes nothing.
  process (commit: Uint8Array): Promise<Turn> {
    return this.#serial(async () => {
      const mine = this.#pending
      if (mine !== undefined && equal(mine.commit, commit)) {
        this.#adopt(mine.state, mine.turn, mine.used, mine.consumed)
        return mine.turn
      }
      const m = decodeMlsMessage(commit, 0)?.[0]
      if (m?.wireformat !== 'mls_public_message') throw new Refusal('form', 'a commit must be a public message')
      const content = m.publicMessage.content
      if (content.contentType !== 'commit' || content.sender.senderType !== 'member') throw new Refusal('form', 'only members commit')
      if (content.epoch !== this.epoch) throw new Refusal('epoch', `a commit of epoch ${content.epoch} in epoch ${this.epoch}`)
      const committer = content.sender.leafIndex
      const proposals = content.commit.proposals.map((p) => {
        if (p.proposalOrRefType !== 'proposal') throw new Refusal('proposal', 'a commit refers to a proposal outside of it')
        return p.proposal
      })
      const used = await this.#checkAdds(this.#state, proposals, content.authenticatedData)
      const r = await processPublicMessage(this.#state, m.publicMessage, emptyPskIndex, this.impl)
      if (r.actionTaken !== 'accept') throw new Refusal('proposal', 'the commit was not accepted')
      const turn = await this.#compare(r.newState, committer)
      this.#adopt(r.newState, turn, used, r.consumed)
      return turn
    })
  }

  // giveUp forgets a commit of our own that did not come first.
  giveUp (): void { this.#pending = undefined }

  // checkAdds judges who is to be added, and returns the references of their key packages: they are used up if the commit holds.
  async #checkAdds (state: ClientState, proposals: Proposal[], authenticatedData: Uint8Array): Promise<string[]> {
    const adds = proposals.flatMap((p) => {
      if (p.proposalType === 'add') return [p.add.keyPackage]
      if (p.proposalType !== 'remove') throw new Refusal('proposal', `a commit has a proposal to ${p.proposalType}`)
      return []
    })
    const refs = await Promise.all(adds.map((kp) => makeKeyPackageRef(kp, this.impl.hash)))
    const names = refs.map(hex)
    if (names.some((name, i) => this.#used.has(name) || names.indexOf(name) !== i)) {
      throw new Refusal('not-admitted', 'somebody was to be taken in again with a key package that was used before')
    }
    if (adds.length === 0 || this.unsigned) return names // identities are judged in the state that comes of it
    let tokens: unknown
    try { tokens = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(authenticatedData)) } catch { tokens = undefined }
    if (!Array.isArray(tokens) || tokens.length !== adds.length || !tokens.every((t) => typeof t === 'string')) {
      throw new Refusal('not-admitted', 'somebody was to be taken in without the word of the chair\'s device')
    }
    const chairs = leafNodes(state).filter(([leaf]) => this.#members.get(leaf)?.role === 'chair').map(([, node]) => node.signaturePublicKey)
    for (const [i, kp] of adds.entries()) {
      const binding = identityOf(kp.leafNode)
      const who = await this.judge.identify(binding, kp.leafNode.signaturePublicKey)
      const own = who.role === 'chair' && this.#chairs.again(who) ? [kp.leafNode.signaturePublicKey] : []
      await this.judge.admitted(tokens[i] as string, [...chairs, ...own], { group: this.id, ref: refs[i]!, binding })
    }
    return names
  }

  // compare judges the leaves of a new state and says what changed.
  async #compare (next: ClientState, committer: number): Promise<Turn> {
    const before = new Map(this.#members)
    const added: Member[] = []
    const removed: Member[] = []
    const now = new Map(leafNodes(next))
    for (const [leaf, m] of before) {
      const node = now.get(leaf)
      if (node === undefined) { removed.push(m); continue }
      if (equal(node.signaturePublicKey, m.signatureKey) && equal(identityOf(node), m.binding)) continue
      if (leaf === committer) throw new Refusal('identity', 'a committer has changed its own identity')
      removed.push(m) // removed and the place given to another in one commit
    }
    for (const [leaf, node] of now) {
      const old = before.get(leaf)
      if (old !== undefined && !removed.includes(old)) continue
      added.push({ ...await this.judge.identify(identityOf(node), node.signaturePublicKey), leaf })
    }
    return { epoch: next.groupContext.epoch, committer, added, removed, out: next.groupActiveState.kind === 'removedFromGroup' }
  }

  #adopt (state: ClientState, turn: Turn, used: string[], consumed: Uint8Array[]): void {
    // who was removed knows the keys of the epoch before: nothing of it is read any more
    this.#state = turn.removed.length > 0 ? { ...state, historicalReceiverData: new Map() } : state
    this.#pending = undefined
    for (const name of used) this.#used.add(name)
    for (const m of turn.removed) this.#members.delete(m.leaf)
    for (const m of turn.added) this.#note(m)
    consumed.forEach(zeroOutUint8Array)
  }

  #note (m: Member): void {
    this.#members.set(m.leaf, m)
    if (m.role === 'chair') this.#chairs.note(m)
  }

  // presided tells whether a member has been a chair here, and dismiss ends that: by the word of a chair who removes another.
  presided (member: string): boolean { return this.#chairs.has(member) }
  dismiss (member: string): void { this.#chairs.forget(member) }

  async #look (state: ClientState): Promise<void> {
    for (const [leaf, node] of leafNodes(state)) {
      this.#note({ ...await this.judge.identify(identityOf(node), node.signaturePublicKey), leaf })
    }
  }

  // frameSecret is the base key of a leaf's frames in this epoch (RFC 9605, 5.2, with the exporter's own label).
  frameSecret (leaf: number): Promise<Bytes> {
    return mlsExporter(this.#state.keySchedule.exporterSecret, LABEL_FRAME, u32(leaf), 32, this.impl) as Promise<Bytes>
  }

  // code is the Raumschlüssel: 30 digits that are the same for all who are in one group and epoch, and for nobody else.
  async code (): Promise<string> { return await roomCode(this.#state.keySchedule.epochAuthenticator) }

  seal (message: Uint8Array): Promise<Bytes> {
    return this.#serial(async () => {
      const r = await createApplicationMessage(this.#state, message, this.impl)
      this.#state = r.newState
      r.consumed.forEach(zeroOutUint8Array)
      return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage: r.privateMessage }) as Bytes
    })
  }

  // open reads an application message and says whose leaf signed it.
  open (message: Uint8Array): Promise<{ from: Member, message: Uint8Array }> {
    return this.#serial(async () => {
      const m = decodeMlsMessage(message, 0)?.[0]
      if (m?.wireformat !== 'mls_private_message' || m.privateMessage.contentType !== 'application') throw new Refusal('form', 'this is no message of the group')
      const old = this.#state.historicalReceiverData.get(m.privateMessage.epoch)
      const secret = m.privateMessage.epoch === this.epoch ? this.#state.keySchedule.senderDataSecret : old?.senderDataSecret
      if (secret === undefined) throw new Refusal('epoch', `a message of epoch ${m.privateMessage.epoch} in epoch ${this.epoch}`)
      const sender = await decryptSenderData(m.privateMessage, secret, this.impl)
      const from = sender && this.#members.get(sender.leafIndex)
      if (from === undefined) throw new Refusal('form', 'a message of nobody in the group')
      const r = await processPrivateMessage(this.#state, m.privateMessage, emptyPskIndex, this.impl)
      if (r.kind !== 'applicationMessage') throw new Refusal('form', 'this is no application message')
      this.#state = r.newState
      r.consumed.forEach(zeroOutUint8Array)
      return { from, message: r.message }
    })
  }

  // leak returns everything this device knows. It is for the test of a hostile member, who keeps it.
  leak (): ClientState { return this.#state }
}

// roomCode spells an epoch authenticator as six fives of digits: SHA-512 of a label and it, five bytes big-endian each,
// modulo 100000. 99 bits; the last digits are off from even by less than 1 in 10^7.
export async function roomCode (authenticator: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-512', concat(utf8(LABEL_CODE), Uint8Array.of(0), authenticator)))
  const fives: string[] = []
  for (let i = 0; i < 6; i++) {
    let n = 0
    for (let j = 0; j < 5; j++) n = n * 256 + digest[5 * i + j]!
    fives.push(String(n % 100000).padStart(5, '0'))
  }
  return fives.join(' ')
}

export const shortHex = (b: Uint8Array): string => hex(b.subarray(0, 8))
