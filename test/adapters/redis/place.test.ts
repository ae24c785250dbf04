// The forms of the Redis URL, and what is said of those that are none.
import { expect, test } from '@jest/globals'
import { parsePlace } from '../../../src/adapters/redis/place.ts'

test('one server, with and without what may be left out', () => {
  const at = { host: '127.0.0.1', port: 6379 }
  expect(parsePlace('redis://127.0.0.1')).toEqual({ kind: 'server', tls: false, credentials: {}, at, db: 0 })
  expect(parsePlace('rediss://gate:p%40%3As%2F@[::1]:6390/5')).toEqual({
    kind: 'server',
    tls: true,
    credentials: { username: 'gate', password: 'p@:s/' },
    at: { host: '::1', port: 6390 },
    db: 5,
  })
  expect(parsePlace('redis://:secret@cache/').credentials).toEqual({ password: 'secret' })
})

test('Sentinels and clusters name several hosts', () => {
  expect(parsePlace('rediss-sentinel://g:p@a,b:26380/main/3?sentinelPassword=s%26s')).toEqual({
    kind: 'sentinel',
    tls: true,
    credentials: { username: 'g', password: 'p' },
    sentinels: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 26_380 },
    ],
    primary: 'main',
    db: 3,
    sentinelCredentials: { password: 's&s' },
  })
  expect(parsePlace('redis-cluster://a:7000,[2001:db8::1]')).toEqual({
    kind: 'cluster',
    tls: false,
    credentials: {},
    nodes: [
      { host: 'a', port: 7000 },
      { host: '2001:db8::1', port: 6379 },
    ],
  })
})

test.each([
  ['http://a', 'none of the forms'],
  ['redis://', 'none of the forms'],
  ['redis://a#x', 'none of the forms'],
  ['redis://a,b', 'several hosts'],
  ['redis://a:0', 'port from 1 to 65535'],
  ['redis://a:70000', 'port from 1 to 65535'],
  ['redis://a:b', 'a host that is none'],
  ['redis://a/x', 'database that is no number'],
  ['redis://a?x=1', 'query'],
  ['redis-sentinel://a', 'lacks the name of the primary'],
  ['redis-sentinel://a/m/0/1', 'lacks the name of the primary'],
  ['redis-sentinel://a/m?password=s3cret', 'sentinelUsername and sentinelPassword are'],
  ['redis-cluster://a/1', 'only database 0'],
  ['redis://u:%zzs3cret@a', 'percent sign'],
  ['redis://u:s3cret@a:b', 'a host that is none'],
])('%s is refused in one line, without the password', (url, problem) => {
  const parse = (): unknown => parsePlace(url)
  expect(parse).toThrow(problem)
  expect(parse).not.toThrow(/s3cret|\n/)
})
