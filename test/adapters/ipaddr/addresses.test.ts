// Addresses: one spelling for each, none for what two readers might read differently, and networks by the thousand.
import { existsSync, readFileSync } from 'node:fs'
import { BlockList } from 'node:net'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createAddresses } from '../../../src/adapters/ipaddr/addresses.ts'

const { parse, aggregate, compile } = createAddresses()

describe('an address has one canonical spelling', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['::1', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1'],
  ])('%s is %s', (text, canonical) => {
    expect(parse(text)).toBe(canonical)
    expect(parse(canonical)).toBe(canonical)
  })

  test('an IPv4-compatible address is not folded, since it is another host', () => {
    expect(parse('::192.0.2.1')).toBe('::c000:201')
  })
})

describe('what is no address, or is read differently by different programs, is none', () => {
  test.each([
    '',
    ' ',
    'unknown',
    'localhost',
    '_hidden',
    '010.0.0.1',
    '0x7f.0.0.1',
    '0x7f000001',
    '2130706433',
    '127.1',
    '127.0.0.1.',
    '127.0.0',
    '1.2.3.256',
    '1.2.3.4.5',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '+1.2.3.4',
    '１.2.3.4',
    '1.2.3.4/32',
    '::ffff:010.1.1.1',
    '::ffff:1.2.3',
    '1.2.3.4::',
    '1::2::3',
    ':::',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '[::1',
    '::1]',
    '[::1]x',
    '[192.0.2.1]',
    '2001:db8::1:4711:',
    '1.2.3.4:',
    '1.2.3.4:123456',
    `::1%${'z'.repeat(200)}`,
  ])('%j', (text) => {
    expect(parse(text)).toBeUndefined()
  })

  test('nothing that is thrown at it makes it throw', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f:.%[\]/x]{0,45}$/)), (text) => {
        const canonical = parse(text)
        expect(canonical === undefined || parse(canonical) === canonical).toBe(true)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('a limit counts by what one subscriber has', () => {
  test('an IPv4 address counts by itself, an IPv6 address by its /64', () => {
    expect(aggregate('192.0.2.1')).toBe('192.0.2.1')
    expect(aggregate('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64')
    expect(aggregate('2001:db8:1:2::9')).toBe(aggregate('2001:db8:1:2:ffff:ffff:ffff:ffff'))
    expect(aggregate('2001:db8:1:3::9')).not.toBe(aggregate('2001:db8:1:2::9'))
    expect(aggregate('unix')).toBe('unix')
  })
})

describe('networks', () => {
  test.each([
    ['10.0.0.0/8', '10.255.255.255', '11.0.0.0'],
    ['10.1.2.3/8', '10.9.9.9', '9.255.255.255'],
    ['192.0.2.7', '192.0.2.7', '192.0.2.8'],
    ['0.0.0.0/0', '255.255.255.255', '2001:db8::1'],
    ['::/0', '2001:db8::1', '192.0.2.1'],
    ['2001:db8::/32', '2001:db8:ffff::1', '2001:db9::'],
    ['2001:db8::1', '2001:db8::1', '2001:db8::2'],
    ['::ffff:10.0.0.0/104', '10.1.1.1', '11.0.0.0'],
    ['::ffff:0:0/96', '203.0.113.9', '::1'],
    ['10.0.0.0/8', '::ffff:10.0.0.1', '::10.0.0.1'],
    ['128.0.0.0/1', '200.0.0.1', '127.255.255.255'],
  ])('%s holds %s and not %s', (cidr, inside, outside) => {
    const isInside = compile([cidr])
    expect([isInside(inside), isInside(outside)]).toEqual([true, false])
  })

  test('no network holds what is no address', () => {
    const isInside = compile(['0.0.0.0/0', '::/0'])
    expect(isInside('unix')).toBe(false)
    expect(isInside('')).toBe(false)
    expect(compile([])('192.0.2.1')).toBe(false)
  })

  test.each([
    '10.0.0.0/33',
    '2001:db8::/129',
    '010.0.0.0/8',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10/8',
    '10.0.0.0/8/8',
    '::ffff:10.0.0.0/95',
    'fe80::%eth0/10',
    '10.0.0.0/-1',
    'any',
    '',
    '10.0.0.1:80',
    '[::1]/128',
  ])('%j is refused by name', (cidr) => {
    expect(() => compile(['192.0.2.0/24', cidr])).toThrow(TypeError)
    expect(() => compile([cidr])).toThrow(JSON.stringify(cidr))
  })

  test('many networks together agree with the slow look at each, also where they overlap', () => {
    const octet = fc.nat(255)
    const ipv4 = fc.tuple(fc.constantFrom(10, 11, 12), octet, octet, octet).map((parts) => parts.join('.'))
    const ipv6 = fc
      .tuple(fc.constantFrom('2001:db8:', '2001:db8:0:1:'), fc.nat(65535))
      .map(([head, tail]) => `${head}:${tail.toString(16)}`)
    const networks = fc.array(fc.oneof(fc.tuple(ipv4, fc.nat(32)), fc.tuple(ipv6, fc.nat(128))), { maxLength: 20 })
    fc.assert(
      fc.property(networks, fc.oneof(ipv4, ipv6), (cidrs, address) => {
        const slow = new BlockList()
        for (const [net, bits] of cidrs) slow.addSubnet(net, bits, net.includes(':') ? 'ipv6' : 'ipv4')
        const family = address.includes(':') ? 'ipv6' : 'ipv4'
        // BlockList takes ::/0 and the like for IPv4 too (2000::/2 holds the mapped ones); ours keeps the families apart.
        const fair = cidrs.every(([net, bits]) => !net.includes(':') || bits > 2)
        if (fair)
          expect(compile(cidrs.map(([net, bits]) => `${net}/${bits}`))(address)).toBe(slow.check(address, family))
      }),
      { numRuns: 1000 },
    )
  })
})

const shared = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors/client-ip-proxy-addr.json')

test("the addresses and networks of proxy-addr's own tests are read as it reads them", () => {
  if (!existsSync(shared)) {
    console.warn(`SKIPPED: ${shared} is absent`)
    return
  }
  const { cases } = JSON.parse(readFileSync(shared, 'utf8')) as {
    cases: { name: string; socket: string; xff: string | null; trust: string | string[]; client_ip: string }[]
  }
  let walked = 0
  for (const { socket, xff, trust, client_ip } of cases) {
    if (typeof trust === 'string' || trust.some((each) => !/^[0-9a-f:.]+(\/\d+)?$/i.test(each))) continue
    const isTrusted = compile(trust)
    const hops = [...(xff?.split(',').map((hop) => hop.trim()) ?? []), socket]
    if (hops.some((hop) => parse(hop) === undefined)) continue
    // From the right, the first hop that is not trusted; where all are, the leftmost.
    const client = [...hops].reverse().find((hop) => !isTrusted(parse(hop) ?? '')) ?? hops[0]
    expect(parse(client ?? '')).toBe(parse(client_ip))
    walked += 1
  }
  expect(walked).toBeGreaterThanOrEqual(10)
})
