// The tables of Go's net/http through a live gateway: refused and nothing at the upstream, or exactly one equal request there.
import { METHODS } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readRequests } from '../support/raw-reader.ts'
import { openVectorRig, readVectors, type VectorRig } from '../support/raw-vectors.ts'
import { Tally, tryCase } from '../support/raw-verdict.ts'

interface Entry {
  readonly id: string
  readonly name: string
  readonly b64?: string
  readonly go_status: number
  readonly rfc?: {
    readonly verdict: 'accept' | 'reject' | 'may-accept' | 'incomplete'
    readonly n_requests_before: number
  }
}

/** Well formed by RFC 9112, refused by this gateway all the same, and why. What RFC 9112 leaves open is never taken. */
const REFUSED: readonly { readonly ids: readonly string[]; readonly why: string }[] = [
  { ids: ['GO03'], why: 'an empty Host: an http URI has a host (RFC 9110, 4.2.1; nginx refuses it as well)' },
  { ids: ['GO11'], why: 'a zone in Host: it means something on one machine alone (RFC 4007, 11.2)' },
  { ids: ['GO43'], why: 'CONNECT: authority-form is no target here (contract, 3)' },
  { ids: ['GO49'], why: 'a double slash in the path (contract, 3)' },
  { ids: ['GO54'], why: 'OPTIONS *: it names no path, so no route, no lock and no session could be judged' },
]

/** What may be taken or not: Go refuses more than sixteen digits, and says that it could take them. */
const EITHER: readonly string[] = ['GO59', 'GO61']

/** GO32, which the table describes: two MiB in one field. */
const GENERATED: Readonly<Record<string, () => Buffer>> = {
  GO32: () => Buffer.from(`GET / HTTP/1.1\r\nHost: foo\r\nFoo: ${'x'.repeat(2_097_152)}\r\n\r\n`),
}

const vectors = readVectors('go-net-http.json') as { readonly entries: readonly Entry[] } | undefined
const entries = vectors?.entries ?? []
const tally = new Tally('go-net-http.json')
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

const bytesOf = ({ id, b64 }: Entry): Buffer => GENERATED[id]?.() ?? Buffer.from(b64 ?? '', 'base64')
const isRefused = (id: string): boolean => REFUSED.some(({ ids }) => ids.includes(id))

function verdictOf({ id }: Entry): 'refuse' | 'either' | 'forward' {
  if (isRefused(id) || GENERATED[id] !== undefined) return 'refuse'
  return EITHER.includes(id) ? 'either' : 'forward'
}

;(vectors === undefined ? describe.skip : describe)("the tables of Go's net/http", () => {
  test.each(entries.map((entry) => [entry.id, entry.rfc?.verdict ?? 'reject', entry.name, entry] as const))(
    '%s (%s): %s',
    async (_id, _verdict, _name, entry) => {
      expect(tally.take(await tryCase(rig, bytesOf(entry), verdictOf(entry)))).toEqual([])
    },
  )

  test('are read by the suite as their authors read them', () => {
    const differ = entries.filter((entry) => {
      if (entry.rfc === undefined || isRefused(entry.id)) return false
      const { requests, end } = readRequests(bytesOf(entry))
      const { verdict, n_requests_before: count } = entry.rfc
      if (verdict === 'reject') return end !== 'offence' || requests.length !== count
      if (verdict === 'may-accept') return requests.length > count
      return requests.length !== count
    })
    expect(differ.map(({ id }) => id)).toEqual([])
    expect(entries.length).toBeGreaterThan(60)
  })
})
