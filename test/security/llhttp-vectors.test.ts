// llhttp's own fixtures through a live gateway: refused and nothing at the upstream, or exactly one equal request there.
import { METHODS } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readRequests } from '../support/raw-reader.ts'
import { openVectorRig, readVectors, type VectorRig } from '../support/raw-vectors.ts'
import { Tally, tryCase, type Verdict } from '../support/raw-verdict.ts'

interface Entry {
  readonly id: string
  readonly title: string
  readonly b64: string
  readonly b64_with_host?: string
  readonly rfc: {
    readonly verdict: 'accept' | 'reject' | 'may-accept' | 'incomplete'
    readonly n_requests_before: number
  }
}

/**
 * Well formed by RFC 9112, refused by this gateway all the same, and why. What RFC 9112 leaves open (`may-accept`) is never
 * taken: folded lines, control characters in values, other transfer codings, raw bytes beyond ASCII in a target.
 */
const REFUSED: readonly { readonly ids: readonly string[]; readonly why: string }[] = [
  { ids: ['L071', 'L072', 'L073', 'L150'], why: 'CONNECT: authority-form is no target here (contract, 3)' },
  { ids: ['L042', 'L052'], why: 'ANNOUNCE and MKCOLA: methods that no route allows' },
  { ids: ['L142'], why: 'a quote in the path: it must be percent-encoded (RFC 3986, 3.3)' },
  { ids: ['L148'], why: 'bytes beyond ASCII in the target (RFC 3986, 2)' },
  { ids: ['L149'], why: '# in the target (contract, 3)' },
  { ids: ['L144', 'L145', 'L147'], why: 'absolute-form whose authority is not Host (contract, 3)' },
  { ids: ['L151'], why: 'user information in an absolute target (RFC 9110, 4.2.4)' },
  {
    ids: ['L102', 'L103'],
    why: 'Host: 0.0.0.0=5000 is the name of no host (RFC 9110, 7.2; only letters, digits, - . _ ~)',
  },
]

/** A WebSocket handshake without its key (RFC 6455, 4.2.1): refused, or taken as if it asked for no upgrade (RFC 9110, 7.8). */
const EITHER: readonly string[] = ['L010', 'L016']

const vectors = readVectors('llhttp-request-fixtures.json') as { readonly entries: readonly Entry[] } | undefined
const entries = vectors?.entries ?? []
const tally = new Tally('llhttp-request-fixtures.json')
let rig: VectorRig

beforeAll(async () => {
  rig = await openVectorRig({
    routes: [{ id: 'all', path: '/{rest*}', methods: METHODS.filter((method) => method !== 'CONNECT') }],
  })
})

afterAll(async () => {
  await rig.close()
  if (vectors !== undefined) tally.print()
})

const bytesOf = ({ b64, b64_with_host: withHost }: Entry): Buffer => Buffer.from(withHost ?? b64, 'base64')
const isRefused = (id: string): boolean => REFUSED.some(({ ids }) => ids.includes(id))

function verdictOf(entry: Entry): Verdict {
  if (EITHER.includes(entry.id)) return 'either'
  if (isRefused(entry.id)) return 'refuse'
  // Beyond mending already, which need not be seen before its end has come.
  const isOffence = readRequests(bytesOf(entry)).end === 'offence'
  return entry.rfc.verdict === 'incomplete' && isOffence ? 'unfinished' : 'forward'
}

;(vectors === undefined ? describe.skip : describe)('the fixtures of llhttp', () => {
  test.each(entries.map((entry) => [entry.id, entry.rfc.verdict, entry.title, entry] as const))(
    '%s (%s): %s',
    async (_id, _verdict, _title, entry) => {
      expect(tally.take(await tryCase(rig, bytesOf(entry), verdictOf(entry)))).toEqual([])
    },
  )

  test('are read by the suite as its authors read them', () => {
    const differ = entries.filter((entry) => {
      const { requests, end } = readRequests(bytesOf(entry))
      const { verdict, n_requests_before: count } = entry.rfc
      if (verdict === 'reject') return end !== 'offence' || requests.length !== count
      // Of what may be taken nothing is; what is incomplete may be beyond mending already.
      if (verdict === 'may-accept') return requests.length > count
      return requests.length !== count
    })
    expect(differ.map(({ id }) => id)).toEqual([])
    expect(entries.length).toBeGreaterThan(150)
  })
})
