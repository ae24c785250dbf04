// Public vectors: Wycheproof's JSON web signatures and keys, and the cookbook of RFC 7520 and RFC 8037.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from '@jest/globals'
import { findKey, isSupportedAlgorithm, parseKeySet } from '../../../src/adapters/jose/key-set.ts'
import { isSignedBy, parseJws } from '../../../src/adapters/jose/token.ts'
import { openVerifier, type Jwk } from './token-support.ts'

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519']
const PRIVATE = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'])

function readVectors(name: string): unknown {
  const file = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors', name)
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'))
  console.warn(`SKIPPED: ${file} is absent`)
  return undefined
}

/** The live check without its claims, since the vectors sign other things than claims. */
async function accepts(jws: string, keys: readonly Jwk[]): Promise<boolean> {
  const set = await parseKeySet(Buffer.from(JSON.stringify({ keys })), ALGORITHMS)
  const parsed = parseJws(jws)
  if (set === undefined || typeof parsed === 'string') return false
  const key = findKey(set.keys, parsed.alg, parsed.kid)
  return key !== undefined && key !== 'ambiguous' && (await isSignedBy(parsed, key))
}

/** Vectors called valid whose key says PS256 while the signature is PS384: a key is used for the algorithm that it names (RFC 7517, 4.4). */
const MISLABELLED = new Set(['346 Figure20', '350 Figure20'])

interface WycheproofKey extends Jwk {
  readonly keys?: readonly Jwk[]
}
interface Wycheproof {
  readonly numberOfTests: number
  readonly testGroups: readonly {
    readonly comment: string
    readonly public?: WycheproofKey
    readonly private?: WycheproofKey
    readonly tests: readonly {
      readonly tcId: number
      readonly comment: string
      readonly jws: string
      readonly result: string
    }[]
  }[]
}

test.each([
  ['wycheproof-json_web_signature_test.json', { accepted: 32, refused: 355, unsupported: 14 }],
  ['wycheproof-json_web_key_test.json', { accepted: 1, refused: 21, unsupported: 4 }],
])(
  '%s: no invalid signature passes, and every valid one of a key that could be pinned does',
  async (name, expected) => {
    const vectors = readVectors(name) as Wycheproof | undefined
    if (vectors === undefined) return
    const tally = { accepted: 0, refused: 0, unsupported: 0 }
    const wrong: string[] = []
    for (const group of vectors.testGroups) {
      const owner = group.public ?? group.private ?? {}
      const keys = owner.keys ?? [owner]
      const { verify } = openVerifier(keys, { issuer: { algorithms: ALGORITHMS } })
      // ES521 is a misprint of the vectors for ES512; symmetric keys can never be pinned here.
      const isSupported = keys.every((key) => isSupportedAlgorithm(String(key.alg)))
      for (const { tcId, comment, jws, result } of group.tests) {
        const isAccepted = await accepts(jws, keys)
        if (isAccepted !== (result === 'valid' && isSupported && !MISLABELLED.has(`${tcId} ${comment}`)))
          wrong.push(`${tcId} ${group.comment} ${comment}: ${result}`)
        tally[isAccepted ? 'accepted' : result === 'valid' ? 'unsupported' : 'refused'] += 1
        expect(await verify(jws)).toHaveProperty('refused')
      }
    }
    expect(wrong).toEqual([])
    expect(tally).toEqual(expected)
  },
)

interface Cookbook {
  readonly entries: readonly {
    readonly title: string
    readonly input: { readonly alg: string; readonly key: Jwk; readonly payload: string }
    readonly output: { readonly compact?: string }
  }[]
}

test('rfc-cookbook-jws.json: the compact signatures of asymmetric keys hold, the others are refused', async () => {
  const vectors = readVectors('rfc-cookbook-jws.json') as Cookbook | undefined
  if (vectors === undefined) return
  let held = 0
  for (const { title, input, output } of vectors.entries) {
    if (output.compact === undefined) continue
    const jwk = Object.fromEntries(Object.entries(input.key).filter(([name]) => !PRIVATE.has(name)))
    const isSupported = isSupportedAlgorithm(input.alg)
    expect([title, await accepts(output.compact, [jwk])]).toEqual([title, isSupported])
    // The same set with the private key left in is the set of an issuer that has lost its key.
    expect(await accepts(output.compact, [input.key])).toBe(false)
    if (isSupported) held += 1
  }
  expect(held).toBe(4)
})
