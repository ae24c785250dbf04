// The gateway's own key: made once, kept, and its signatures hold by anybody's Ed25519.
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { loadSigner } from '../../../src/adapters/node/signer.ts'

let directory = ''
let file = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-signer-'))
  file = join(directory, 'gateway.key')
})
afterEach(() => {
  rmSync(directory, { recursive: true })
})

test('the key is made as PKCS#8 PEM with mode 0600 and is the same at the next start', () => {
  const first = loadSigner(file, 'gateway.example/a')
  expect(readFileSync(file, 'utf8')).toMatch(
    /^-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+-----END PRIVATE KEY-----\n$/,
  )
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const second = loadSigner(file, 'gateway.example/a')
  expect(second.publicKeyRaw).toEqual(first.publicKeyRaw)
  expect(second.publicKeyRaw).toHaveLength(32)
  expect(second.name).toBe('gateway.example/a')
})

test('a signature is 64 bytes, deterministic, and holds under the raw public key', () => {
  const signer = loadSigner(file, 'gateway.example/a')
  const bytes = Buffer.from('size 7\n')
  const signature = signer.sign(bytes)
  expect(signature).toHaveLength(64)
  expect(signer.sign(bytes)).toEqual(signature)
  const x = Buffer.from(signer.publicKeyRaw).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  expect(verify(null, bytes, key, signature)).toBe(true)
  expect(verify(null, Buffer.from('size 8\n'), key, signature)).toBe(false)
})

test('a file that holds no Ed25519 private key is refused by name', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  for (const text of ['', 'garbage', ec]) {
    writeFileSync(file, text)
    expect(() => loadSigner(file, 'a')).toThrow(`${file}: not an Ed25519 private key`)
  }
})

test.each(['', 'a b', 'a+b', 'a\nb', 'a\u00a0b'])('a name that no signed note can carry is refused: %j', (name) => {
  expect(() => loadSigner(file, name)).toThrow(TypeError)
})
