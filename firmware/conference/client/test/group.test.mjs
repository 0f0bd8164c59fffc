// The group of a call: who comes in and goes, and what neither server nor member can do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { c, long } from './harness.mjs'
import { Call, GROUP, Person, judge, shuffled } from './people.mjs'

for (const suite of ['x25519', 'xwing']) {
  test(`${suite}: all have one code, and a removed member has another world`, async () => {
    const call = await Call.begin(suite, ['chair', 'clerk', 'councillor', 'councillor', 'guest'])
    const codes = await call.codes()
    assert.equal(new Set(codes).size, 1)
    assert.match(codes[0], /^(\d{5} ){5}\d{5}$/)
    const gone = call.people[3]
    const before = c.hex(await gone.group.frameSecret(0))
    const { turns } = await call.commit(call.people[1], (g) => g.remove([gone.group.leaf]))
    assert.ok(turns.every((t) => t.removed.length === 1 && t.removed[0].member === gone.name))
    assert.equal(gone.turn.out, true)
    assert.equal(new Set(await call.codes()).size, 1)
    assert.notEqual((await call.codes())[0], codes[0])
    assert.notEqual(c.hex(await call.people[0].group.frameSecret(0)), before)
    assert.equal(c.hex(await call.people[0].group.frameSecret(2)), c.hex(await call.people[2].group.frameSecret(2)))
    // a message of the new epoch is nothing to who has gone
    const said = await call.people[0].group.seal(c.utf8('nur unter uns'))
    await assert.rejects(gone.group.open(said))
    const heard = await call.people[1].group.open(said)
    assert.equal(`${heard.from.member}: ${new TextDecoder().decode(heard.message)}`, 'p0: nur unter uns')
    await assert.rejects(call.people[1].group.open(said), 'a message twice')
  })
}

test('nobody is taken in without the word of the chair\'s device', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor'])
  const [chair, clerk, councillor] = call.people
  const guest = await Person.make('guest', 'guest', 'x25519')
  const other = await Person.make('other', 'guest', 'x25519')
  const ask = async (by, token) => {
    // a hostile member's client commits what its own rules forbid
    const commit = await by.hostileAdd(guest.ticket.message, token)
    for (const p of call.people.filter((x) => x !== by)) {
      const before = p.group.epoch
      await assert.rejects(p.group.process(commit), { name: 'Refusal' })
      assert.equal(p.group.epoch, before)
    }
  }
  await ask(clerk, '')
  await ask(clerk, await clerk.admit(guest.ticket))
  await ask(clerk, await guest.admit(guest.ticket))
  await ask(councillor, await chair.admit(other.ticket))
  await assert.rejects(clerk.group.add([{ keyPackage: guest.ticket.message, admission: await clerk.admit(guest.ticket) }]), { name: 'Refusal' })
  // with it, anyone may do the work
  await call.enter(guest, clerk)
  assert.equal(new Set(await call.codes()).size, 1)
})

test('a chair who lost the device comes back alone, another person with that role does not', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor'])
  const [chair, clerk] = call.people
  await call.commit(clerk, (g) => g.remove([chair.group.leaf]))
  const guest = await Person.make('late', 'guest', 'x25519')
  await assert.rejects(clerk.group.add([{ keyPackage: guest.ticket.message, admission: await chair.admit(guest.ticket) }]), { name: 'Refusal' }, 'the lost device')
  const pretender = await Person.make('pretender', 'chair', 'x25519')
  await assert.rejects(clerk.group.add([{ keyPackage: pretender.ticket.message, admission: await pretender.admit(pretender.ticket) }]), { name: 'Refusal' })
  const back = await Person.make('p0', 'chair', 'x25519')
  await call.enter(back, clerk, await back.admit(back.ticket))
  await call.enter(guest, back)
  assert.equal(new Set(await call.codes()).size, 1)
})

test('who was removed does not come back with the word and key package of before', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor'])
  const [chair, clerk] = call.people
  const guest = await Person.make('guest', 'guest', 'x25519')
  const word = await chair.admit(guest.ticket)
  await call.enter(guest, clerk, word)
  await call.commit(chair, (g) => g.remove([guest.group.leaf]))
  // server and ex-member have both still; they are good for ten minutes
  const commit = await clerk.hostileAdd(guest.ticket.message, word)
  for (const p of call.people.filter((x) => x !== clerk)) {
    const { epoch } = p.group
    await assert.rejects(p.group.process(commit), { word: 'not-admitted' }, p.name)
    assert.equal(p.group.epoch, epoch)
  }
  await assert.rejects(clerk.group.add([{ keyPackage: guest.ticket.message, admission: word }]), { word: 'not-admitted' })
  await assert.rejects(clerk.group.add([{ keyPackage: guest.ticket.message, admission: await chair.admit(guest.ticket) }]), { word: 'not-admitted' }, 'nor with a new word')
  // a new key package needs a new word, and one for another group is none
  const back = await Person.make('guest', 'guest', 'x25519')
  await assert.rejects(clerk.group.add([{ keyPackage: back.ticket.message, admission: word }]), { word: 'key' })
  await assert.rejects(clerk.group.add([{ keyPackage: back.ticket.message, admission: await chair.admit(back.ticket, c.utf8('0123456789abcdeg')) }]), { word: 'group' })
  await call.enter(back, clerk)
})

test('a chair who was removed by a chair does not come back by their own word', async () => {
  const call = await Call.begin('x25519', ['chair', 'chair', 'clerk'])
  const [, second, clerk] = call.people
  assert.ok(clerk.group.presided('p1'))
  for (const p of call.people) p.group.dismiss('p1')
  await call.commit(clerk, (g) => g.remove([second.group.leaf]))
  const again = await Person.make('p1', 'chair', 'x25519')
  await assert.rejects(clerk.group.add([{ keyPackage: again.ticket.message, admission: await again.admit(again.ticket) }]), { word: 'not-admitted' })
})

test('a server can withhold and reorder, and nothing comes of it', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor', 'councillor'])
  const [a, b, x] = call.people
  const one = await a.group.refresh()
  const two = await b.group.refresh()
  await a.group.process(one.commit)
  const three = await a.group.refresh()
  await assert.rejects(x.group.process(three.commit), { word: 'epoch' }, 'before the one it rests on')
  await x.group.process(one.commit)
  await assert.rejects(x.group.process(one.commit), { word: 'epoch' }, 'twice')
  await assert.rejects(x.group.process(two.commit), { word: 'epoch' }, 'the one that came second')
  // two halves that were given different commits see it in their codes
  await b.group.process(two.commit)
  assert.notEqual(await b.group.code(), await a.group.code())
  await assert.rejects(b.group.process(three.commit), 'a split group does not grow together unseen')
  assert.equal(await x.group.code(), await a.group.code())
  for (let i = 0; i < 40; i++) {
    const bad = three.commit.slice()
    bad[Math.floor(i * bad.length / 40)] ^= 0x10
    await assert.rejects(x.group.process(bad), `byte ${i}`)
  }
  await x.group.process(three.commit)
  await a.group.process(three.commit)
  assert.equal(await x.group.code(), await a.group.code())
})

test('the loser of an epoch takes the winner\'s commit and tries again', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor'])
  const [a, b] = call.people
  const lost = await b.group.refresh()
  await call.commit(a, (g) => g.refresh())
  await assert.rejects(a.group.process(lost.commit), { word: 'epoch' })
  b.group.giveUp()
  await call.commit(b, (g) => g.refresh())
  assert.equal(new Set(await call.codes()).size, 1)
})

test('only the proposals of this house', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor'])
  const [, b, x] = call.people
  for (const proposal of [
    { proposalType: 'group_context_extensions', groupContextExtensions: { extensions: [] } },
    { proposalType: 'psk', psk: { preSharedKeyId: { psktype: 'external', pskId: new Uint8Array(4), pskNonce: new Uint8Array(32) } } }
  ]) {
    const commit = await b.hostileCommit([proposal], new Uint8Array()).catch(() => undefined)
    if (commit !== undefined) await assert.rejects(x.group.process(commit), { word: 'proposal' })
  }
})

test('random comings and goings: whoever commits, every join works', { timeout: 120_000 }, async () => {
  const seed = Number(process.env.SUBROSA_SEED ?? 7)
  const random = shuffled(seed)
  const call = await Call.begin('x25519', ['chair', 'clerk', 'councillor', 'councillor', 'councillor', 'councillor'])
  for (let i = 0; i < (long ? 16 : 60); i++) {
    const by = call.people[random(call.people.length)]
    if (call.people.length > 9 || (call.people.length > 3 && random(2) === 0)) {
      const rest = call.people.slice(1).filter((p) => p !== by)
      await call.commit(by, (g) => g.remove([rest[random(rest.length)].group.leaf]))
    } else {
      await call.enter(await Person.make(`n${i}`, 'guest', 'x25519'), by)
    }
    assert.equal(new Set(await call.codes()).size, 1, `seed ${seed}, step ${i}`)
  }
})

test('identities: a welcome into a group with a stranger in it is refused', async () => {
  const call = await Call.begin('x25519', ['chair', 'clerk'])
  const guest = await Person.make('guest', 'guest', 'x25519')
  const { commit, welcome } = await call.people[0].group.add([{ keyPackage: guest.ticket.message, admission: await call.people[0].admit(guest.ticket) }])
  assert.ok(commit)
  await assert.rejects(c.Group.join(GROUP, welcome, guest.ticket, { ...judge, identify: async (i, k) => { if (new TextDecoder().decode(i).startsWith('p1')) throw new c.Refusal('signature', 'x'); return judge.identify(i, k) } }))
  await assert.rejects(c.Group.join(c.utf8('0123456789abcdee'), welcome, guest.ticket, judge), { word: 'group' })
})
