// Authenticators by the RFCs' own numbers, and the file of their accounts.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { HOTP, Secret } from 'otpauth'
import { createTotp, openAuthenticators } from '../../../src/adapters/otpauth/authenticators.ts'

const VECTORS = new URL('../../../../shared/vectors/otp-rfc4226-rfc6238.json', import.meta.url)
interface Vectors {
  readonly hotp_rfc4226: readonly { secret_ascii: string; counter: number; digits: number; hotp: string }[]
  readonly totp_rfc6238: readonly Record<string, unknown>[]
}
const isThere = existsSync(VECTORS)
if (!isThere)
  console.warn(
    'SKIPPED: ../shared/vectors/otp-rfc4226-rfc6238.json is absent, so the vectors of the RFCs were not tried',
  )
const vectors = isThere ? (JSON.parse(readFileSync(VECTORS, 'utf8')) as Vectors) : undefined
const whereThere = isThere ? describe : describe.skip

whereThere('the vectors of RFC 4226 and RFC 6238', () => {
  test('HOTP', () => {
    expect(vectors?.hotp_rfc4226.length).toBeGreaterThan(9)
    for (const { secret_ascii, counter, digits, hotp } of vectors?.hotp_rfc4226 ?? []) {
      const secret = Secret.fromLatin1(secret_ascii)
      expect([counter, new HOTP({ secret, digits }).generate({ counter })]).toEqual([counter, hotp])
    }
  })

  test('TOTP, by each hash', () => {
    const all = vectors?.totp_rfc6238 ?? []
    expect(all.length).toBeGreaterThan(17)
    for (const each of all) {
      const { secret_ascii, time, digits, alg, totp } = each as Record<string, string | number>
      const by = createTotp(Secret.fromLatin1(String(secret_ascii)), { digits: Number(digits), algorithm: String(alg) })
      expect([each, by.generate({ timestamp: Number(time) * 1000 })]).toEqual([each, totp])
    }
  })
})

describe('accounts', () => {
  const NOW = 1_790_000_010_000
  const secret = Secret.fromLatin1('12345678901234567890')
  const codeAt = (ms: number): string => createTotp(secret).generate({ timestamp: ms })
  let home: string
  let file: string

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'portcullis-totp-'))
    file = join(home, 'totp.json')
    write({ asha: { secret: secret.base32 } })
  })
  afterEach(() => {
    rmSync(home, { recursive: true })
  })
  function write(accounts: unknown, mode = 0o600): void {
    rmSync(file, { force: true })
    writeFileSync(file, JSON.stringify({ accounts }), { mode })
  }

  test('a code of this step, the last or the next is taken, and told by its step', () => {
    const authenticators = openAuthenticators(file)
    const step = Math.floor(NOW / 30_000)
    for (const offset of [-1, 0, 1])
      expect(authenticators.stepOf('asha', codeAt(NOW + offset * 30_000), NOW)).toBe(step + offset)
    for (const offset of [-2, 2])
      expect(authenticators.stepOf('asha', codeAt(NOW + offset * 30_000), NOW)).toBeUndefined()
    for (const code of ['', '12345', '1234567', 'abcdef'])
      expect(authenticators.stepOf('asha', code, NOW)).toBeUndefined()
    expect(authenticators.stepOf('nobody', codeAt(NOW), NOW)).toBeUndefined()
    expect(authenticators.stepOf('__proto__', codeAt(NOW), NOW)).toBeUndefined()
  })

  test('an account that is added is known; a file that is broken keeps the last good one', () => {
    const authenticators = openAuthenticators(file)
    write({ asha: { secret: secret.base32 }, ravi: { secret: secret.base32 } })
    expect(authenticators.stepOf('ravi', codeAt(NOW), NOW)).toBeDefined()
    write('nothing')
    expect(authenticators.stepOf('ravi', codeAt(NOW), NOW)).toBeDefined()
  })

  test.each([
    [
      'that others can read',
      () => {
        write({}, 0o644)
      },
      /chmod 600/,
    ],
    [
      'without accounts',
      () => {
        write(undefined)
      },
      /is not \{ "accounts"/,
    ],
    [
      'with a short secret',
      () => {
        write({ asha: { secret: 'GEZDGNBV' } })
      },
      /secret of asha/,
    ],
    [
      'with no base32',
      () => {
        write({ asha: { secret: '0189!' } })
      },
      /secret of asha/,
    ],
    [
      'that is not there',
      () => {
        rmSync(file)
      },
      /cannot be read/,
    ],
  ] as const)('a file %s is refused, and nothing of it is told', (_what, spoil, message) => {
    spoil()
    expect(() => openAuthenticators(file)).toThrow(message)
  })
})
