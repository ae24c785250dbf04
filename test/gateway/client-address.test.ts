// Who is really calling: vectors of proxy-addr, and what no proxy may make a caller be.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { clientAddress } from '../../src/gateway/client-address.ts'
import { Fields } from '../../src/http1/fields.ts'

const addresses = createAddresses()

function resolved(
  socket: string | undefined,
  forwarded: string | undefined,
  trusts: (address: string) => boolean,
): string {
  const fields = new Fields()
  if (forwarded !== undefined) fields.push('X-Forwarded-For', forwarded)
  return clientAddress(addresses.parse(socket ?? '') ?? 'unix', fields, addresses, trusts).address
}

const trust = (...cidrs: string[]): ((address: string) => boolean) => addresses.compile(cidrs)

describe('behind trusted proxies', () => {
  test.each([
    ['nobody trusted', '203.0.113.9', '10.0.0.1', trust(), '203.0.113.9'],
    ['no header', '10.0.0.1', undefined, trust('10.0.0.0/8'), '10.0.0.1'],
    ['an empty header', '10.0.0.1', '', trust('10.0.0.0/8'), '10.0.0.1'],
    ['one hop', '10.0.0.1', '203.0.113.9', trust('10.0.0.0/8'), '203.0.113.9'],
    ['a spoofed hop in front', '10.0.0.1', '6.6.6.6, 203.0.113.9', trust('10.0.0.0/8'), '203.0.113.9'],
    ['two trusted hops', '10.0.0.1', '203.0.113.9, 10.0.0.2', trust('10.0.0.0/8'), '203.0.113.9'],
    ['only trusted hops', '10.0.0.1', '10.0.0.3, 10.0.0.2', trust('10.0.0.0/8'), '10.0.0.3'],
    ['garbage before a trusted hop', '10.0.0.1', 'evil, 10.0.0.2', trust('10.0.0.0/8'), '10.0.0.2'],
    ['garbage behind', '10.0.0.1', '203.0.113.9, evil', trust('10.0.0.0/8'), '10.0.0.1'],
    ['an untrusted peer with a chain', '203.0.113.1', '127.0.0.1', trust('10.0.0.0/8'), '203.0.113.1'],
    ['a mapped peer', '::ffff:10.0.0.1', '::ffff:203.0.113.9', trust('10.0.0.0/8'), '203.0.113.9'],
    ['a hop with a port', '10.0.0.1', '203.0.113.9:4711', trust('10.0.0.0/8'), '203.0.113.9'],
    ['IPv6', 'fd00::1', '2001:DB8::0:1', trust('fd00::/8'), '2001:db8::1'],
    ['leading zeros', '10.0.0.1', '203.0.113.010', trust('10.0.0.0/8'), '10.0.0.1'],
  ])('%s', (_name, socket, forwarded, trusts, expected) => {
    expect(resolved(socket, forwarded, trusts)).toBe(expected)
  })

  test('a unix socket has no address, and is trusted by nobody', () => {
    expect(resolved(undefined, '127.0.0.1', () => true)).toBe('unix')
  })
})

test('the vectors of proxy-addr', () => {
  const path = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors/client-ip-proxy-addr.json')
  if (!existsSync(path)) {
    console.warn(`SKIPPED: ${path} is absent, so these vectors were not run`)
    return
  }
  const { cases } = JSON.parse(readFileSync(path, 'utf8')) as {
    cases: readonly {
      name: string
      socket: string
      xff: string | null
      trust: string | readonly string[]
      client_ip: string
    }[]
  }
  let ran = 0
  for (const { name, socket, xff, trust: whom, client_ip: expected } of cases) {
    const trusts = trustOf(whom)
    // Netmasks and names of networks are refused as config; a malformed hop is never an address of ours.
    if (trusts === undefined || socket === 'undefined') continue
    ran += 1
    const found = resolved(socket, xff ?? undefined, trusts)
    const parsed = addresses.parse(expected)
    if (parsed === undefined) expect([name, trusts(found)]).toEqual([name, true])
    else expect([name, found]).toEqual([name, parsed])
  }
  expect(ran).toBeGreaterThan(20)
})

function trustOf(whom: string | readonly string[]): ((address: string) => boolean) | undefined {
  if (whom === 'all') return () => true
  if (whom === 'none') return () => false
  if (whom === 'trust10x') return (address) => address.startsWith('10.')
  try {
    return addresses.compile(typeof whom === 'string' ? [whom] : whom)
  } catch {
    return undefined
  }
}
