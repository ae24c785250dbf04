import { expect, test } from '@jest/globals'
import { generateKeyPairSync } from 'node:crypto'
import { checkEd25519Key } from '../../src/core/ed25519-key.ts'

const P = 2n ** 255n - 19n

/** The little-endian encoding of a y coordinate (RFC 8032, 5.1.2). */
function encode(y: bigint): Buffer {
  return Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse()
}

test.each([
  'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
  'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
  '278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e',
])('the public key %s of RFC 8032, 7.1 is one', (hex) => {
  expect(checkEd25519Key(Buffer.from(hex, 'hex'))).toBeUndefined()
})

test('keys that are made are keys', () => {
  for (let count = 0; count < 20; count++) {
    const { x = '' } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
    expect(checkEd25519Key(Buffer.from(x, 'base64url'))).toBeUndefined()
  }
})

// The encodings of the eight points of low order: order 1, 2, 4 (two) and 8 (four).
test.each([
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
])('the point %s of low order is refused', (hex) => {
  expect(checkEd25519Key(Buffer.from(hex, 'hex'))).toMatch(/low order/)
})

test('a point with a part of low order is refused, and one that is written in two ways, and one that is none', () => {
  expect(checkEd25519Key(encode(3n))).toMatch(/outside the group/)
  expect(checkEd25519Key(encode(P + 3n))).toMatch(/no point/)
  expect(checkEd25519Key(encode(2n))).toMatch(/no point/)
  // x = 0 with the sign of a negative x.
  expect(checkEd25519Key(encode(1n + 2n ** 255n))).toMatch(/no point/)
  expect(checkEd25519Key(Buffer.alloc(31))).toMatch(/has 31 bytes/)
})
