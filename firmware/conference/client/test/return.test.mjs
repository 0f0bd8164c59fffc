// Coming back: what a page does when its line, its media, its group or its chair has gone, played with whole pages.
import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
import { c } from './harness.mjs'
import { Page, Server, gather, newPasskey, until, warned } from './council.mjs'

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout'] })
  warned.length = 0
})
afterEach(() => { mock.timers.reset() })

const agree = (pages) => until('one code on all pages', () => pages[0].call.code !== '' && new Set(pages.map((p) => p.call.code)).size === 1)
const mark = (page) => ({ epoch: page.call.epoch, leaf: page.call.leaf, studio: page.studio })

test('a chair\'s new page comes back into a group that a clerk kept, by its own word', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair, clerk] = await gather(server, ['chair', 'clerk'])
  const { id } = server.group
  chair.close()
  await clerk.settled(1)
  const again = await Page.open(server, chair.who)
  for (const p of [again, clerk]) await p.settled(2)
  assert.equal(server.group.id, id, 'the same group')
  assert.equal(again.sent('founded').length, 0)
  assert.deepEqual(again.sent('admit').map((m) => m.participant), [again.seat.id], 'one word, for itself')
  await agree([again, clerk])
  assert.deepEqual(clerk.noted('commit'), [])
  // somebody with that role and another passkey has no such word
  again.close()
  await clerk.settled(1)
  const other = await Page.open(server, { member: 'm-0', role: 'chair', passkey: await newPasskey() })
  await until('the pretender has signed for itself', () => other.sent('admit').length > 0)
  await until('the clerk\'s page has refused', () => clerk.noted('commit').length > 0)
  assert.equal(clerk.noted('commit')[0].detail, 'not-admitted')
  assert.equal(clerk.call.members.length, 1)
})

test('a line that was lost is taken up where it ended: what was missed comes once, keys and media stay', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair, clerk] = await gather(server, ['chair', 'clerk'])
  await clerk.call.say({ t: 'chat', text: 'vorher', at: 1 })
  await until('heard', () => chair.call.chat.length === 1)
  const before = mark(chair)
  chair.seat.here = false
  chair.lose()
  assert.equal(chair.call.phase, 'lost')
  await clerk.call.say({ t: 'chat', text: 'inzwischen', at: 2 })
  await until('said', () => server.log.at(-1).m.type === 'delivered' && clerk.sent('application').length >= 2)
  const seen = server.log.filter((l) => l.not !== chair.seat.id).at(-2).seq
  mock.timers.tick(200)
  await until('back', () => chair.call.phase === 'in')
  const hello = chair.sent('hello').at(-1)
  assert.equal(hello.resume, 'r1', 'the seat of before')
  assert.equal(hello.seen, seen, 'and up to where it was heard')
  await until('what was missed', () => chair.call.chat.length === 2)
  assert.deepEqual(chair.call.chat.map((m) => m.text), ['vorher', 'inzwischen'])
  assert.deepEqual(mark(chair), before)
  assert.equal(chair.studio.closed, false)
  assert.equal(chair.studio.renewed, 0, 'media that stand are left alone')
  // the same with media lost meanwhile
  chair.studio.connected = false
  chair.seat.here = false
  chair.lose()
  mock.timers.tick(200)
  await until('back again', () => chair.call.phase === 'in')
  assert.equal(chair.studio.renewed, 1)
})

test('a seat that ended, to be taken again: a new leaf, the same key, and what was on is on', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair, clerk] = await gather(server, ['chair', 'clerk'])
  const track = { readyState: 'live', stop () { this.readyState = 'ended' } }
  await clerk.call.turnOn('camera', track)
  const key = clerk.call.member(clerk.call.leaf).signatureKey
  const { studio } = mark(clerk)
  const participant = clerk.seat.id
  server.end(clerk, 'regrouped', true)
  await until('the seat is given up', () => clerk.call.phase === 'lost')
  assert.equal(studio.closed, true, 'keys and pictures are dropped')
  assert.equal(clerk.call.members.length, 0)
  await chair.settled(1)
  mock.timers.tick(200)
  for (const p of [chair, clerk]) await p.settled(2)
  assert.equal(clerk.sent('hello').at(-1).resume, undefined, 'not the seat of before')
  assert.notEqual(clerk.seat.id, participant)
  assert.deepEqual(clerk.call.member(clerk.call.leaf).signatureKey, key)
  assert.equal(chair.sent('admit').length, 2, 'the chair\'s device knew them: no press')
  await until('sent again', () => clerk.studio.sent.length === 1)
  assert.deepEqual(clerk.studio.sent[0], ['camera', track])
  assert.equal(clerk.call.self.cam, true)
  await agree([chair, clerk])
  // elsewhere is not to be taken again, whatever is said of it: two pages would throw each other out for ever
  server.end(clerk, 'elsewhere', true)
  await until('over', () => clerk.call.phase === 'over')
  assert.equal(clerk.call.ended.reason, 'elsewhere')
  assert.equal(track.readyState, 'ended')
})

test('what cannot be sent again after a return is turned off, and said', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair] = await gather(server, ['chair'])
  const track = { readyState: 'live', stop () { this.readyState = 'ended' } }
  await chair.call.turnOn('camera', track)
  const { studio } = mark(chair)
  server.group = undefined
  const broken = Object.getPrototypeOf(studio)
  const { send } = broken
  broken.send = async function () { this.tries = (this.tries ?? 0) + 1; throw new Error('no sealed frame went out') }
  try {
    server.end(chair, 'regrouped', true)
    await until('given up', () => chair.call.phase === 'lost')
    mock.timers.tick(200)
    await until('said', () => chair.noted('sealed').length === 1)
  } finally {
    broken.send = send
  }
  assert.equal(chair.studio.tries, 2)
  assert.equal(chair.call.self.cam, false)
  assert.equal(track.readyState, 'ended')
})

test('words that came after their epoch are said again: of oneself what is so now, an order only to whom it was', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair, clerk, third] = await gather(server, ['chair', 'clerk', 'councillor'])
  const heard = []
  const waiting = []
  server.deaf = (seat, m) => seat === chair.seat && m.type === 'application' && waiting.push([seat, m]) > 0
  await chair.call.say({ t: 'chat', text: 'noch einmal', at: 1 })
  await chair.call.say({ t: 'self', self: { ...chair.call.self, name: 'alt' } })
  await chair.call.say({ t: 'mute', leaf: third.call.leaf })
  await until('on their way', () => waiting.length === 3)
  // meanwhile the one who was meant has gone, and another has the leaf
  const leaf = third.call.leaf
  server.deaf = undefined
  third.close()
  await chair.settled(2)
  const fourth = await Page.open(server, { member: 'm-9', role: 'councillor', passkey: await newPasskey() }, { mic: true })
  await until('knocks', () => fourth.seat && chair.call.knocks.has(fourth.seat.id))
  chair.call.admit(fourth.seat.id)
  for (const p of [chair, clerk, fourth]) await p.settled(3)
  assert.equal(fourth.call.leaf, leaf)
  chair.call.self = { ...chair.call.self, name: 'neu' }
  server.withhold = (seat, m) => { if (m.type === 'application-refused') heard.push(m.n); return false }
  for (const [seat, m] of waiting) server.take(seat.page, m)
  assert.equal(heard.length, 3, 'the server has refused all three')
  await until('heard', () => [clerk, fourth].every((p) => p.call.chat.some((m) => m.text === 'noch einmal') && p.call.selves.get(chair.call.leaf)?.name === 'neu'))
  assert.equal(clerk.call.chat.length, 1)
  assert.ok([clerk, fourth].every((p) => p.call.chat.length === 1), 'once')
  await chair.call.say({ t: 'chat', text: 'Ende', at: 2 })
  await until('the last', () => fourth.call.chat.some((m) => m.text === 'Ende'))
  assert.equal(fourth.call.self.mic, true, 'the order was for somebody else')
  assert.deepEqual(fourth.noted('muted'), [])
})

test('media that are lost are renewed at once; if that is lost soon again, after a while, and once', () => {
  let n = 0
  let may = true
  const r = new c.Renewal(() => may, () => { n++ })
  r.lost(0)
  assert.equal(n, 1)
  r.lost(1000)
  r.lost(2000)
  assert.equal(n, 1, 'not in a circle')
  mock.timers.tick(1499)
  assert.equal(n, 1)
  mock.timers.tick(1)
  assert.equal(n, 2, 'three losses, two renewals')
  mock.timers.tick(10_000)
  assert.equal(n, 2)
  r.lost(6500)
  assert.equal(n, 3, 'long after, at once again')
  r.lost(7000)
  may = false
  mock.timers.tick(1500)
  r.lost(20_000)
  assert.equal(n, 3, 'there is no call to connect for')
})

test('a page whose media fail renews them, and stays in its call', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair] = await gather(server, ['chair'])
  const before = mark(chair)
  for (let i = 0; i < 3; i++) chair.studio.on.failed()
  assert.equal(chair.studio.renewed, 1)
  mock.timers.tick(1500)
  assert.equal(chair.studio.renewed, 2)
  assert.deepEqual(mark(chair), before)
})

test('a chair signs once for a key package, however often it is asked, and never for who is in', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair, clerk] = await gather(server, ['chair', 'clerk'])
  // the group is made anew: the server knocks for whom the chair's page knows already
  server.regroup()
  for (const p of [chair, clerk]) await p.settled(2)
  const words = chair.sent('admit').length
  const knock = { type: 'knock', participant: clerk.seat.id, member: 'm-1', role: 'clerk', on_roster: true, lobby: false, package: clerk.sent('key-package').at(-1).package }
  for (let i = 0; i < 3; i++) server.tell(chair.seat, knock)
  server.withhold = () => false
  await chair.call.say({ t: 'chat', text: 'danach', at: 1 })
  await until('all is taken', () => clerk.call.chat.length === 1)
  server.said()
  await until('all is told', () => chair.call.state.version === server.version)
  assert.equal(chair.sent('admit').length, words, 'no word for who is in')
  assert.equal(chair.call.knocks.size, 0)
  // knocked for twice before the first word is there
  clerk.close()
  await chair.settled(1)
  server.deaf = (seat, m) => m.type === 'admit'
  const again = await Page.open(server, clerk.who)
  await until('signed', () => chair.sent('admit').length === words + 1)
  server.knocks()
  server.said()
  await until('all is told', () => chair.call.state.version === server.version)
  assert.equal(chair.sent('admit').length, words + 1, 'the word is on its way')
  // on a lost line it was not
  server.deaf = undefined
  chair.seat.here = false
  chair.lose()
  mock.timers.tick(200)
  for (const p of [chair, again]) await p.settled(2)
  assert.equal(chair.sent('admit').length, words + 2)
  assert.deepEqual(warned.filter((w) => w.includes('the server says')), [])
})

test('who presses twice lets in once', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair] = await gather(server, ['chair'])
  const guest = await Page.open(server, { member: 'm-5', role: 'guest', passkey: await newPasskey() })
  await until('knocks', () => guest.seat && chair.call.knocks.has(guest.seat.id))
  chair.call.admit(guest.seat.id)
  chair.call.admit(guest.seat.id)
  for (const p of [chair, guest]) await p.settled(2)
  assert.equal(chair.sent('admit').length, 1)
})

test('who was taken out by a page that is neither the chair\'s nor a clerk\'s: everybody reads whose it was', { timeout: 600_000 }, async () => {
  const server = await Server.start()
  const [chair, clerk, one, two] = await gather(server, ['chair', 'clerk', 'councillor', 'councillor'])
  for (const p of [chair, clerk, one, two]) await p.settled(4)
  clerk.close()
  for (const p of [chair, one, two]) await p.settled(3)
  assert.deepEqual([one, two].map((p) => p.noted('left').at(-1).by), [undefined, undefined], 'the chair\'s page did it')
  chair.close()
  for (const p of [one, two]) await p.settled(2)
  const by = [one, two].map((p) => p.noted('left').at(-1).by)
  const [first, second] = one.call.leaf < two.call.leaf ? [0, 1] : [1, 0]
  assert.equal(by[first], undefined, 'its own')
  assert.equal(by[second], [one, two][first].who.member)
})
