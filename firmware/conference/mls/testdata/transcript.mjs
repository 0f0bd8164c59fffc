// Writes transcript.json: messages of a group of ts-mls (MIT), which the Go parser must read as the members did.
// node testdata/transcript.mjs > testdata/transcript.json, with ts-mls 1.6.4 in node_modules
import { createApplicationMessage, createCommit, createGroup, defaultCapabilities, defaultLifetime, emptyPskIndex, encodeMlsMessage, generateKeyPackage, getCiphersuiteFromName, getCiphersuiteImpl, joinGroup, processPublicMessage } from 'ts-mls'
import { makeKeyPackageRef } from 'ts-mls/keyPackage.js'

const hex = (b) => Buffer.from(b).toString('hex')
const out = []
for (const name of ['MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519', 'MLS_256_XWING_AES256GCM_SHA512_Ed25519']) {
  const impl = await getCiphersuiteImpl(getCiphersuiteFromName(name))
  const person = async (who) => {
    const kp = await generateKeyPackage({ credentialType: 'basic', identity: new TextEncoder().encode(who) }, defaultCapabilities(), defaultLifetime, [], impl)
    return { who, ...kp, message: encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: kp.publicPackage }), ref: await makeKeyPackageRef(kp.publicPackage, impl.hash) }
  }
  const people = []
  for (const who of ['chair', 'a', 'b', 'c', 'd']) people.push(await person(who))
  const [chair, ...rest] = people
  const group = new TextEncoder().encode('0123456789abcdef')
  const states = new Map([['chair', await createGroup(group, chair.publicPackage, chair.privatePackage, [], impl)]])
  const steps = []
  const commit = async (from, adds, removes) => {
    const extraProposals = [
      ...removes.map((removed) => ({ proposalType: 'remove', remove: { removed } })),
      ...adds.map((p) => ({ proposalType: 'add', add: { keyPackage: p.publicPackage } }))
    ]
    const before = states.get(from)
    const epoch = before.groupContext.epoch
    const r = await createCommit({ state: before, cipherSuite: impl }, { wireAsPublicMessage: true, extraProposals, ratchetTreeExtension: true, authenticatedData: new TextEncoder().encode('said') })
    states.set(from, r.newState)
    for (const [who, s] of states) {
      if (who === from || s.groupContext.epoch !== epoch) continue
      const n = await processPublicMessage(s, r.commit.publicMessage, emptyPskIndex, impl)
      states.set(who, n.newState)
      if (n.newState.groupActiveState.kind !== 'active') states.delete(who)
    }
    for (const p of adds) states.set(p.who, await joinGroup(r.welcome, p.publicPackage, p.privatePackage, emptyPskIndex, impl))
    const leaves = {}
    for (const [who, s] of states) leaves[who] = s.privatePath.leafIndex
    steps.push({ commit: hex(encodeMlsMessage(r.commit)), welcome: r.welcome ? hex(encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome: r.welcome })) : '', epoch: Number(epoch), from, adds: adds.map((p) => p.who), removes, leaves })
  }
  const [a, b, c, d] = rest
  // who was added commits at once: ts-mls 1.6.4 does not manage every tree with unmerged leaves
  await commit('chair', [a], [])
  await commit('a', [], [])
  await commit('chair', [b], [])
  await commit('b', [], [])
  await commit('chair', [], [1])
  await commit('b', [c], [])
  await commit('c', [], [])
  await commit('chair', [d], [])
  await commit('d', [], [])
  await commit('c', [], [0])
  const app = await createApplicationMessage(states.get('d'), new TextEncoder().encode('hello'), impl)
  out.push({ suite: name, people: people.map((p) => ({ who: p.who, message: hex(p.message), ref: hex(p.ref), key: hex(p.publicPackage.leafNode.signaturePublicKey) })), steps, application: hex(encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage: app.privateMessage })) })
}
console.log(JSON.stringify(out, null, 1))
