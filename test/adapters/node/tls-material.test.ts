import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { checkTlsTexts, expiryOf, type TlsTexts } from '../../../src/adapters/node/tls-material.ts'
import { createAuthority, openssl } from '../../support/certificates.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-tls-material-'))
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

// A minute on: certificates that are made in the course of the tests are valid by then.
const NOW = Date.now() + 60_000
const DAY = 86_400_000
const authority = createAuthority(home)
const good = authority.issue('good')
const other = authority.issue('other')

const encryptedFile = path.join(home, 'encrypted.key')
openssl('pkcs8', '-topk8', '-in', good.keyFile, '-out', encryptedFile, '-passout', 'pass:x')

const messagesOf = (texts: TlsTexts, now = NOW): readonly string[] =>
  checkTlsTexts(texts, now).map(({ of, message }) => `${of} ${message}`)

describe('what is fit', () => {
  test.each<readonly [string, TlsTexts]>([
    ['a certificate and its key', { cert: good.cert, key: good.key }],
    ['a chain, its own certificate first', { cert: good.cert + authority.cert, key: good.key }],
    ['with authorities', { cert: good.cert, key: good.key, ca: `# ours\n${authority.cert}` }],
    ['authorities alone', { ca: authority.cert }],
  ])('%s', (_, texts) => {
    expect(messagesOf(texts)).toEqual([])
  })

  test.each([
    ['RSA of 2048 bits', ['rsa:2048']],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1']],
    ['Ed25519', ['ed25519']],
  ])('a key of the kind %s', (kind, newkey) => {
    const { cert, key } = authority.issue(kind.replaceAll(' ', '-'), { newkey })
    expect(messagesOf({ cert, key })).toEqual([])
  })

  test('an expired authority beside one that is not', () => {
    const later = NOW + 3 * DAY
    const long = createAuthority(home, 'long', 30)
    expect(messagesOf({ ca: authority.cert + long.cert }, later)).toEqual([])
    expect(messagesOf({ ca: authority.cert }, later)).toEqual(['ca has no authority that has not expired: renew it'])
  })
})

describe('what is not', () => {
  test.each<readonly [string, TlsTexts, RegExp]>([
    ['a key of another certificate', { cert: good.cert, key: other.key }, /^key is the key of another certificate$/],
    [
      'a chain in the wrong order',
      { cert: authority.cert + good.cert, key: good.key },
      /^key belongs to a later certificate of the chain: its own certificate comes first/,
    ],
    ['an empty certificate', { cert: '', key: good.key }, /^cert holds no certificate in PEM$/],
    ['a certificate that was cut off', { cert: good.cert.slice(0, 300), key: good.key }, /^cert holds no certificate/],
    [
      'a certificate with damage in it',
      { cert: good.cert.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'), key: good.key },
      /^cert holds a certificate that cannot be read/,
    ],
    ['a key that is none', { cert: good.cert, key: 'secret' }, /^key holds no private key in PEM$/],
    [
      'a key with a passphrase',
      { cert: good.cert, key: readFileSync(encryptedFile, 'utf8') },
      /^key is encrypted by a passphrase/,
    ],
    ['authorities that are none', { ca: 'ours' }, /^ca holds no certificate in PEM$/],
  ])('%s', (_, texts, message) => {
    expect(messagesOf(texts)).toEqual([expect.stringMatching(message)])
  })

  test('certificate and key exchanged: both say so', () => {
    expect(messagesOf({ cert: good.key, key: good.cert })).toEqual([
      'cert holds no certificate in PEM, but a private key: are cert and key exchanged?',
      'key holds no private key in PEM, but a certificate: are cert and key exchanged?',
    ])
  })

  test('a certificate that has expired, and one that is not valid yet', () => {
    const texts = { cert: good.cert, key: good.key }
    expect(messagesOf(texts, NOW + 3 * DAY)).toEqual([expect.stringMatching(/^cert expired on 20\d\d-.*: renew it$/)])
    expect(messagesOf(texts, NOW - DAY)).toEqual([
      expect.stringMatching(/^cert is not valid before .*is the clock right/),
    ])
    const until = expiryOf(good.cert)
    expect(Math.abs(until - (NOW + 2 * DAY))).toBeLessThan(DAY)
    // RFC 5280, 4.1.2.5: the last instant belongs to it, and then none.
    expect(messagesOf(texts, until - 1)).toEqual([])
    expect(messagesOf(texts, until)).toHaveLength(1)
  })

  test.each([
    ['RSA of 1024 bits', ['rsa:1024'], /^cert has an RSA key of 1024 bits, the least is 2048: have it made anew$/],
    [
      'an uncommon curve',
      ['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'],
      /of a kind that is not taken \(secp256k1\)/,
    ],
  ])('a key that is too weak: %s', (kind, newkey, message) => {
    const { cert, key } = authority.issue(`weak-${kind.replaceAll(' ', '-')}`, { newkey })
    expect(messagesOf({ cert, key })).toEqual([expect.stringMatching(message)])
  })

  test('a signature that can be forged', () => {
    const { cert, key } = authority.issue('sha1', { digest: 'sha1' })
    expect(messagesOf({ cert, key })).toEqual([expect.stringMatching(/^cert is signed by SHA-1 or MD5/)])
  })

  test('no message holds a part of a key', () => {
    const secret = good.key.split('\n')[1] ?? ''
    const all = [
      messagesOf({ cert: good.key, key: good.key }),
      messagesOf({ cert: good.cert, key: good.key.replace('BEGIN', 'BEGUN') }),
      messagesOf({ cert: good.cert, key: good.key.slice(0, 100) }),
    ].flat()
    expect(all.length).toBeGreaterThanOrEqual(3)
    expect(all.join('\n')).not.toContain(secret.slice(0, 16))
  })
})
