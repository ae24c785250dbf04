import { expect, test } from '@jest/globals'
import { checkHost, isOriginOf } from '../../src/control/check-host.ts'

const from = (localAddress: string | undefined, host: string) =>
  checkHost({ host, origin: undefined, localAddress, names: [] })

test('behind a mapped address any address literal passes, since no name can pose as one', () => {
  for (const local of ['10.0.0.7', '::ffff:10.0.0.7', 'fd00::7', undefined]) {
    expect(from(local, '203.0.113.9:9443')).toBeUndefined()
    expect(from(local, '[2001:db8::1]')).toBeUndefined()
    expect(from(local, 'localhost:9080')).toBeUndefined()
    expect(from(local, 'evil.example:9080')).toBe('host')
  }
})

test('on the loopback only its own addresses pass', () => {
  for (const local of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    expect(from(local, '127.0.0.1:9080')).toBeUndefined()
    expect(from(local, '203.0.113.9:9080')).toBe('host')
  }
})

test('a request without a host is misdirected', () => {
  expect(checkHost({ host: undefined, origin: undefined, localAddress: '127.0.0.1', names: [] })).toBe('host')
})

test('an origin is compared with its default port left out, and never throws', () => {
  expect(isOriginOf('https://gateway.example', 'gateway.example')).toBe(true)
  expect(isOriginOf('https://gateway.example', 'gateway.example:443')).toBe(true)
  expect(isOriginOf('http://gateway.example', 'gateway.example:443')).toBe(false)
  expect(isOriginOf('http://localhost:1', 'localhost:99999')).toBe(false)
  expect(isOriginOf('', '')).toBe(false)
})
