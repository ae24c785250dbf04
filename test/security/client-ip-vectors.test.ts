// Chains of trusted proxies through a live gateway: whom the trail names, and what the upstream is told.
import net from 'node:net'
import { tmpdir } from 'node:os'
import { mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import { edited, problemsOf } from '../config/sample.ts'
import { fieldsOf } from '../support/raw-upstream.ts'
import { openVectorRig, readVectors, type VectorRig } from '../support/raw-vectors.ts'
import { Tally } from '../support/raw-verdict.ts'
import type { DataPlaneOptions } from '../support/start-data-plane.ts'

interface ClientVector {
  readonly group: string
  readonly name: string
  readonly socket: string
  readonly xff: string | null
  readonly trust: string | readonly string[]
  readonly client_ip: string
}

interface Vectors {
  readonly cases: readonly ClientVector[]
  readonly config_values_to_refuse_at_start: readonly { readonly value: string }[]
  readonly express_rate_limit_pr667: { readonly cases: readonly { readonly ip: string; readonly key: string }[] }
}

const vectors = readVectors('client-ip-proxy-addr.json') as Vectors | undefined
const suite = vectors === undefined ? describe.skip : describe
const tally = new Tally('client-ip-proxy-addr.json')
let rig: VectorRig | undefined

afterEach(async () => {
  await rig?.close()
  rig = undefined
})

afterAll(() => {
  if (vectors !== undefined) tally.print()
})

/** What the words of proxy-addr mean as networks; netmasks and names are refused in our config, and CIDR says the same. */
const NETWORKS: Readonly<Record<string, readonly string[]>> = {
  all: ['0.0.0.0/0', '::/0'],
  none: [],
  trust10x: ['10.0.0.0/8'],
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  '10.0.0.2/255.255.255.192': ['10.0.0.2/26'],
}

function networksOf(trust: string | readonly string[]): readonly string[] {
  return (typeof trust === 'string' ? [trust] : trust).flatMap((each) => NETWORKS[each] ?? [each])
}

/**
 * proxy-addr hands on whatever stands in the chain. Here a hop that is no address ends the walk, and the client is the last
 * address that was vouched for: a name could be anyone's.
 */
const NO_ADDRESS: Readonly<Record<string, string>> = {
  'should not trust non-IP addresses': '10.0.0.1',
  'should stop at first non-ip after trusted': '127.0.0.1',
  'should stop at first malformed ip after trusted': '127.0.0.1',
}

/** The peer of a vector cannot be bound to here: the gateway is told it instead of this machine's own. */
function withPeer(socket: string): NonNullable<DataPlaneOptions['gateway']> {
  return ({ addresses }) => ({
    addresses: { ...addresses, parse: (text) => addresses.parse(text === '127.0.0.1' ? socket : text) },
  })
}

interface Told {
  /** Of the trail. */
  readonly client: string | undefined
  readonly forwardedFor: readonly string[]
  readonly forwarded: readonly string[]
}

async function ask(asked: VectorRig, fields: string): Promise<Told> {
  const before = asked.upstream.requests.length
  const found = await asked.play(Buffer.from(`GET /open HTTP/1.1\r\nHost: a\r\n${fields}\r\n`, 'latin1'), 'alone', 1)
  expect(found.statuses).toEqual([200])
  const seen = asked.upstream.requests[before]
  expect(asked.upstream.requests.length).toBe(before + 1)
  return {
    client: found.outcomes[0]?.client,
    forwardedFor: fieldsOf(seen, 'x-forwarded-for'),
    forwarded: fieldsOf(seen, 'forwarded'),
  }
}

const nodeOf = (address: string): string => (address.includes(':') ? `"[${address}]"` : address)

suite('the chains of proxy-addr', () => {
  const cases = (vectors?.cases ?? []).filter(({ socket }) => socket !== 'undefined')

  test.each(cases.map((each) => [each.group, each.name, each] as const))(
    '%s %s',
    async (_group, name, { socket, xff, trust, client_ip: expected }) => {
      const trusted = networksOf(trust)
      rig = await openVectorRig({ routes: [{ path: '/open' }], trustedProxies: trusted, gateway: withPeer(socket) })
      const { addresses, settings } = rig.plane.gateway
      const peer = addresses.parse(socket) ?? ''
      const client = addresses.parse(NO_ADDRESS[name] ?? expected) ?? ''
      const told = await ask(rig, xff === null ? '' : `X-Forwarded-For: ${xff}\r\n`)
      const due = {
        client,
        // A trusted proxy's words are kept, and its own address is added; nobody else's are.
        forwardedFor: [settings.isTrustedProxy(peer) && xff !== null ? `${xff}, ${peer}` : peer],
        forwarded: [`for=${nodeOf(client)};proto=http;host="a"`],
      }
      tally.take(JSON.stringify(told) === JSON.stringify(due) ? [] : [name])
      expect(told).toEqual(due)
    },
  )

  test.each((vectors?.cases ?? []).filter(({ socket }) => socket === 'undefined'))(
    'when socket address undefined: a unix socket, which names nobody and is trusted by nobody ($name)',
    async ({ xff }) => {
      const directory = mkdtempSync(path.join(tmpdir(), 'portcullis-socket-'))
      const upstream = await openVectorRig({
        routes: [{ path: '/open' }],
        trustedProxies: NETWORKS.all ?? [],
        listen: path.join(directory, 'plane.sock'),
      })
      rig = upstream
      const client = await upstream.plane.connect()
      client.write(`GET /open HTTP/1.1\r\nHost: a\r\n${xff === null ? '' : `X-Forwarded-For: ${xff}\r\n`}\r\n`)
      expect((await client.response()).status).toBe(200)
      const [seen] = upstream.upstream.requests
      const told = [upstream.plane.trail.requests[0]?.client, fieldsOf(seen, 'x-forwarded-for')]
      tally.take(JSON.stringify(told) === JSON.stringify(['unix', ['unknown']]) ? [] : ['unix'])
      expect(told).toEqual(['unix', ['unknown']])
      expect(fieldsOf(seen, 'forwarded')).toEqual(['for=unknown;proto=http;host="a"'])
      rmSync(directory, { recursive: true })
    },
  )

  test('are all run', () => {
    expect(vectors?.cases.length).toBeGreaterThan(30)
    expect(cases.filter(({ name }) => NO_ADDRESS[name] !== undefined).length).toBe(3)
  })
})

suite('networks that proxy-addr does not take', () => {
  const values = vectors?.config_values_to_refuse_at_start ?? []

  test.each(values)('$value is refused at start', ({ value }) => {
    const problems = problemsOf(edited(['trustedProxies: [10.0.0.0/8]', `trustedProxies: ["${value}"]`]))
    tally.take(problems.length === 1 ? [] : [value])
    expect(problems.map(({ path: where }) => where)).toEqual(['gateway.trustedProxies[0]'])
  })
})

suite('the addresses of express-rate-limit', () => {
  const cases = vectors?.express_rate_limit_pr667.cases ?? []
  const limited = { path: '/open', throttle: { requests: { count: 1, periodMs: 60_000 } } } as const

  async function statusOf(asked: VectorRig, address: string): Promise<number | undefined> {
    const bytes = Buffer.from(`GET /open HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${address}\r\n\r\n`)
    return (await asked.play(bytes, 'alone', 1)).statuses[0]
  }

  test('those with one key there share one limit, however they are written', async () => {
    const keys = Map.groupBy(cases, ({ key }) => key)
    expect(keys.size).toBe(3)
    for (const [key, same] of keys) {
      const opened = await openVectorRig({ routes: [limited], trustedProxies: ['127.0.0.0/8'] })
      const written = [...same.map(({ ip }) => ip), ...(key.includes(':') ? [] : [key])]
      const found = []
      for (const ip of written) found.push(await statusOf(opened, ip))
      const due = written.map((_ip, index) => (index === 0 ? 200 : 429))
      for (let index = 0; index < same.length; index++) tally.take(found[index] === due[index] ? [] : [key])
      await opened.close()
      expect([key, found]).toEqual([key, due])
    }
  })

  test('a whole /64 is one caller, where they take a /56: one subscriber line has a /64 at least (RFC 6177)', async () => {
    rig = await openVectorRig({ routes: [limited], trustedProxies: ['127.0.0.0/8'] })
    expect(await statusOf(rig, '2001:db8:1234:5678::1')).toBe(200)
    expect(await statusOf(rig, '2001:db8:1234:5678:ffff::2')).toBe(429)
    expect(await statusOf(rig, '2001:db8:1234:5679::1')).toBe(200)
  })
})

describe('peers of this machine', () => {
  /** From another of this machine's addresses: what the gateway sees is what the kernel tells it. */
  async function askFrom(asked: VectorRig, localAddress: string, fields: string): Promise<string> {
    const socket = net.connect({ port: asked.plane.port, host: '127.0.0.1', localAddress })
    const answered = new Promise<void>((resolve, reject) => {
      socket.once('data', () => resolve())
      socket.once('error', reject)
    })
    socket.write(`GET /open HTTP/1.1\r\nHost: a\r\n${fields}\r\n`, 'latin1')
    await answered
    socket.destroy()
    return String(asked.plane.trail.requests.at(-1)?.client)
  }

  test.each([
    ['nobody is trusted', '127.0.0.2', 'X-Forwarded-For: 203.0.113.7\r\n', '127.0.0.2'],
    ['a trusted peer says who', '127.9.0.1', 'X-Forwarded-For: 203.0.113.7\r\n', '203.0.113.7'],
    ['a trusted peer says nothing', '127.9.0.1', '', '127.9.0.1'],
    ['a trusted peer, an empty field', '127.9.0.1', 'X-Forwarded-For: \r\n', '127.9.0.1'],
    [
      'two fields are one list',
      '127.9.0.1',
      'X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-For: 127.9.0.2\r\n',
      '203.0.113.7',
    ],
    ['what the caller wrote stands left', '127.9.0.1', 'X-Forwarded-For: 127.9.0.3, 203.0.113.7\r\n', '203.0.113.7'],
    ['the field in another case', '127.9.0.1', 'x-forwarded-FOR: 203.0.113.7\r\n', '203.0.113.7'],
    ['an underscore is another field', '127.9.0.1', 'X_Forwarded_For: 203.0.113.7\r\n', '127.9.0.1'],
    ['Forwarded alone is not walked', '127.9.0.1', 'Forwarded: for=203.0.113.7\r\n', '127.9.0.1'],
    ['X-Real-IP is nobody’s', '127.9.0.1', 'X-Real-IP: 203.0.113.7\r\n', '127.9.0.1'],
    ['an octal address is none', '127.9.0.1', 'X-Forwarded-For: 0313.0.113.7\r\n', '127.9.0.1'],
    ['a port is dropped', '127.9.0.1', 'X-Forwarded-For: 203.0.113.7:4711\r\n', '203.0.113.7'],
    [
      'a nominated field is a field of this hop',
      '127.9.0.1',
      'X-Forwarded-For: 203.0.113.7\r\nConnection: x-forwarded-for\r\n',
      '203.0.113.7',
    ],
  ])('%s (from %s)', async (_name, from, fields, client) => {
    rig = await openVectorRig({ routes: [{ path: '/open' }], trustedProxies: ['127.9.0.0/16'] })
    const found = await askFrom(rig, from, fields)
    tally.take(found === client ? [] : [client])
    expect(found).toBe(client)
    const [seen] = rig.upstream.requests
    expect(fieldsOf(seen, 'x-real-ip')).toEqual([])
    expect(fieldsOf(seen, 'x_forwarded_for')).toEqual([])
    expect(fieldsOf(seen, 'forwarded')).toEqual([`for=${client};proto=http;host="a"`])
    expect(fieldsOf(seen, 'x-forwarded-for').length).toBe(1)
  })
})
