// One secret, many keys: the same in each gateway of a fleet, and none of them leads to another.
import { expect, test } from '@jest/globals'
import { decodeProtectedHeader, importJWK, jwtVerify, type JWK } from 'jose'
import { createSessionIssuer } from '../../../src/adapters/jose/session-issuer.ts'
import { createOtpCodes, signingKeyOf } from '../../../src/adapters/node/otp-codes.ts'

const SECRET = new Uint8Array(32).fill(7)
const DAY = 86_400_000

test('each period has a P-256 key of its own, the same whenever it is made', async () => {
  const keys = Array.from({ length: 20 }, (_, period) => signingKeyOf(SECRET, period))
  expect(new Set(keys.map(({ d }) => d)).size).toBe(20)
  expect(keys.map(({ d }) => d)).not.toContain(signingKeyOf(new Uint8Array(32).fill(8), 3).d)
  expect(signingKeyOf(SECRET, 3)).toEqual(keys[3])
  for (const key of keys) await importJWK(key as JWK, 'ES256')
})

test('marks are of the transaction and the code, under the secret', () => {
  const [one, two] = [createOtpCodes(SECRET), createOtpCodes(new Uint8Array(32).fill(8))]
  const marks = [one.mark('a', '123456'), one.mark('a', '123457'), one.mark('b', '123456'), two.mark('a', '123456')]
  expect(new Set(marks).size).toBe(4)
  expect(marks.join()).not.toContain('123456')
})

test('keys rotate: what was issued is verified through the next period, and not by what comes after', async () => {
  const issuer = createSessionIssuer({
    issuer: 'https://gate.example.in',
    audience: 'registry',
    sessionMs: 900_000,
    rotateMs: DAY,
    keyOf: (period) => signingKeyOf(SECRET, period),
  })
  const now = 20_000 * DAY + 1_000
  const token = await issuer.issue({ subject: 's' }, now)
  const keyAt = async (at: number): Promise<JWK | undefined> => {
    const { keys } = (await issuer.keys(at)) as { keys: JWK[] }
    expect(keys.every((key) => key.d === undefined && key.alg === 'ES256')).toBe(true)
    return keys.find(({ kid }) => kid === decodeProtectedHeader(token).kid)
  }
  const key = await keyAt(now + DAY)
  await jwtVerify(token, await importJWK(key ?? {}, 'ES256'), { currentDate: new Date(now), typ: 'JWT' })
  expect(await keyAt(now - DAY)).toBeDefined()
  expect(await keyAt(now + 2 * DAY)).toBeUndefined()
  expect(decodeProtectedHeader(await issuer.issue({ subject: 's' }, now + DAY)).kid).not.toBe(
    decodeProtectedHeader(token).kid,
  )
})
