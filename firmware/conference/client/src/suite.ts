// suiteOf is a cipher suite of ts-mls whose hashes (SHA-2, HMAC, HKDF) are worked out here, by @noble/hashes, and not by WebCrypto. A
// commit at 30 members asks for some hundreds of them, each over a few hundred bytes at most: WebCrypto imports a key for each HMAC and
// goes to another thread and back, which costs several times what the hash does. Signatures, HPKE and AEAD stay with WebCrypto.
import { expand, extract } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha512 } from '@noble/hashes/sha2.js'
import { getCiphersuiteFromName, getCiphersuiteImpl, type CiphersuiteImpl } from 'ts-mls'
import { equal } from './bytes'

export type MlsSuite = 'xwing' | 'x25519'

const suites = {
  xwing: { name: 'MLS_256_XWING_AES256GCM_SHA512_Ed25519', hash: sha512 },
  x25519: { name: 'MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519', hash: sha256 }
} as const

export const suiteName = (suite: MlsSuite): typeof suites[MlsSuite]['name'] => suites[suite].name

const impls = new Map<MlsSuite, Promise<CiphersuiteImpl>>()

export function suiteOf (suite: MlsSuite): Promise<CiphersuiteImpl> {
  let impl = impls.get(suite)
  if (impl === undefined) impls.set(suite, impl = make(suite))
  return impl
}

async function make (suite: MlsSuite): Promise<CiphersuiteImpl> {
  const { name, hash } = suites[suite]
  const impl = await getCiphersuiteImpl(getCiphersuiteFromName(name))
  return {
    ...impl,
    hash: {
      digest: async (data) => hash(data),
      mac: async (key, data) => hmac(hash, key, data),
      verifyMac: async (key, mac, data) => equal(hmac(hash, key, data), mac)
    },
    kdf: {
      size: hash.outputLen,
      extract: async (salt, ikm) => extract(hash, ikm, salt),
      expand: async (prk, info, length) => expand(hash, prk, info, length)
    }
  }
}
