// Hosts of nginx's own tests through a live gateway: an authority that is none is refused, one that is some is told to the upstream.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { fieldsOf } from '../support/raw-upstream.ts'
import { openVectorRig, readVectors, type VectorRig } from '../support/raw-vectors.ts'
import { Tally, tryCase } from '../support/raw-verdict.ts'

interface HostVector {
  readonly form: 'Host header' | 'absolute-form target authority'
  readonly value: string
  readonly expect: 'accept' | '400'
  readonly normalised_host: string | null
  readonly name: string
}

const vectors = readVectors('path-and-host-normalisation.json') as { readonly host: readonly HostVector[] } | undefined
const tally = new Tally('path-and-host-normalisation.json, hosts')
let rig: VectorRig

beforeAll(async () => {
  rig = await openVectorRig({ routes: [{ id: 'all', path: '/{rest*}' }] })
})

afterAll(async () => {
  await rig.close()
  tally.print()
})

const inHost = (value: string): Buffer => Buffer.from(`GET /open HTTP/1.1\r\nHost: ${value}\r\n\r\n`, 'latin1')

/** Absolute-form is taken where its authority is the Host's (contract, 3). */
const inTarget = (value: string, host: string): Buffer =>
  Buffer.from(`GET http://${value}/open HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'latin1')

/** What the upstream is told of the host that the caller asked for, and that it is asked by its own name alone. */
async function toldHost(bytes: Buffer): Promise<readonly string[]> {
  const before = rig.upstream.requests.length
  await rig.play(bytes, 'alone', 1)
  const seen = rig.upstream.requests[before]
  expect(fieldsOf(seen, 'host')).toEqual([`127.0.0.1:${rig.upstream.port}`])
  return fieldsOf(seen, 'x-forwarded-host')
}

const hosts = vectors?.host ?? []
const accepted = hosts.filter((each) => each.expect === 'accept')
const refused = hosts.filter((each) => each.expect === '400')
const titled = (list: readonly HostVector[]) => list.map((each) => [each.name, each.value, each] as const)

;(vectors === undefined ? describe.skip : describe)('the hosts of nginx', () => {
  test.each(titled(accepted))('taken: %s, %j', async (_name, _value, { form, value, normalised_host: normalised }) => {
    const bytes = form === 'Host header' ? inHost(value) : inTarget(value, value)
    expect(tally.take(await tryCase(rig, bytes, 'forward'))).toEqual([])
    const [told = '', ...more] = await toldHost(bytes)
    // No lock, route or record goes by host here: it is told as it was sent, and means the same.
    expect(told).toBe(value)
    expect(told.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')).toBe(normalised)
    expect(more).toEqual([])
  })

  test.each(titled(refused))('refused: %s, %j', async (_name, _value, { form, value }) => {
    const ways = form === 'Host header' ? [inHost(value)] : [inTarget(value, value), inTarget(value, 'localhost')]
    const wrong = []
    for (const bytes of ways) wrong.push(...(await tryCase(rig, bytes, 'refuse')))
    expect(tally.take(wrong)).toEqual([])
  })

  test('are all run', () => {
    expect(accepted.length + refused.length).toBe(hosts.length)
    expect(hosts.length).toBeGreaterThan(50)
  })
})

describe('a target that names another host than Host does', () => {
  test.each([
    ['another name', 'b', 'a'],
    ['a longer name', 'a.b', 'a'],
    ['another port', 'a:81', 'a:80'],
    ['a port where there is none', 'a:80', 'a'],
    ['a dot at the end', 'a.', 'a'],
    ['user information', 'a@b', 'b'],
    ['user information that is the host', 'a@b', 'a'],
    ['an encoded letter', '%61', 'a'],
    ['two hosts', 'a,a', 'a'],
  ])('is refused: %s', async (_name, authority, host) => {
    expect(tally.take(await tryCase(rig, inTarget(authority, host), 'refuse'))).toEqual([])
  })

  test.each([
    ['letters in another case', 'A.example', 'a.EXAMPLE'],
    ['the same port', 'a:8080', 'a:8080'],
  ])('is none: %s', async (_name, authority, host) => {
    expect(tally.take(await tryCase(rig, inTarget(authority, host), 'forward'))).toEqual([])
  })

  test('is refused without a Host in HTTP/1.0, and with two of them', async () => {
    const lines = ['GET http://a/open HTTP/1.0\r\n\r\n', 'GET http://a/open HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n']
    for (const line of lines) expect(tally.take(await tryCase(rig, Buffer.from(line), 'refuse'))).toEqual([])
  })
})
