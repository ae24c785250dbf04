// The desk under attack: replay, parallel use, brute force, floods, and anybody who wants to know which numbers exist.
import { beforeEach, describe, expect, test } from '@jest/globals'
import { decodeJwt } from 'jose'
import { createSessionIssuer } from '../../../src/adapters/jose/session-issuer.ts'
import { createMemoryOtpStore } from '../../../src/adapters/memory/otp-store.ts'
import { createOtpCodes, signingKeyOf } from '../../../src/adapters/node/otp-codes.ts'
import { createPseudonymKey, createPseudonyms } from '../../../src/adapters/node/pseudonyms.ts'
import { createOtpDesk, CODE_LIFETIME_MS } from '../../../src/control/otp/otp-desk.ts'
import type { AskOtp, OtpAnswer, OtpMessage, OtpStore } from '../../../src/ports/otp.ts'
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts'

const SECRET = new Uint8Array(32).fill(7)
const NUMBER = '+919876543210'
const ADDRESS = '198.51.100.1'
const HOUR = 3_600_000

let clock: FakeClock
let ask: AskOtp
let sent: OtpMessage[]
let steps: string[]
let errors: string[]
let counted: string[]
let failing = false

beforeEach(() => {
  clock = createFakeClock()
  sent = []
  steps = []
  errors = []
  counted = []
  failing = false
  const memory = createMemoryOtpStore(() => clock.monotonicMs())
  const spied =
    <A extends unknown[], R>(name: string, run: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      steps.push(name)
      return failing ? Promise.reject(new Error('Redis is away')) : run(...args)
    }
  const store: OtpStore = {
    open: spied('open', memory.open),
    try: spied('try', memory.try),
    count: spied('count', memory.count),
    once: spied('once', memory.once),
    outstanding: memory.outstanding,
    close: memory.close,
  }
  ask = createOtpDesk({
    limits: {
      number: { count: 5, periodMs: 900_000 },
      failures: { count: 50, periodMs: 24 * HOUR },
      address: { count: 1_000, periodMs: 900_000 },
      total: { count: 10_000, periodMs: 60_000 },
    },
    sessionMs: 900_000,
    store,
    codes: createOtpCodes(SECRET),
    issuer: createSessionIssuer({
      issuer: 'https://gate.example.in',
      audience: 'registry',
      sessionMs: 900_000,
      rotateMs: 24 * HOUR,
      keyOf: (period) => signingKeyOf(SECRET, period),
    }),
    delivery: { deliver: (message) => void sent.push(message) },
    authenticators: { stepOf: (account, code) => (account === 'asha' && code === '123456' ? 42 : undefined) },
    pseudonyms: createPseudonyms(createPseudonymKey(SECRET)),
    clock,
    logger: {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (message, fields) => void errors.push(JSON.stringify([message, fields])),
    },
    meter: {
      requested: (result) => void counted.push(`requested ${result}`),
      delivered: (result) => void counted.push(`delivered ${result}`),
      verified: (way, result) => void counted.push(`${way} ${result}`),
    },
  })
})

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function request(number = NUMBER, address = ADDRESS): Promise<{ id: string; code: string | undefined }> {
  const answer = await ask({ ask: 'request', number, address })
  await turn()
  if (answer.answer !== 'given') throw new Error(answer.answer)
  const id = String(answer.body.transaction)
  return { id, code: sent.find((message) => message.id === id)?.code }
}

const verify = (transaction: string, code: string, address = ADDRESS): Promise<OtpAnswer> =>
  ask({ ask: 'verify', transaction, code, address })
const wrongOf = (code: string | undefined): string => (code === '000000' ? '000001' : '000000')

describe('a code', () => {
  test('is six digits, sent to the number and to nobody else, and opens one session', async () => {
    const { id, code = '' } = await request()
    expect(code).toMatch(/^\d{6}$/)
    expect(sent).toEqual([{ id, code, number: NUMBER, expiresAt: clock.now() + CODE_LIFETIME_MS }])
    const answer = await verify(id, code)
    if (answer.answer !== 'given') throw new Error(answer.answer)
    const claims = decodeJwt(String(answer.body.access_token))
    expect(claims).toMatchObject({
      iss: 'https://gate.example.in',
      aud: 'registry',
      amr: ['otp'],
      auth_time: Math.floor(clock.now() / 1000),
      exp: Math.floor(clock.now() / 1000) + 900,
      otp_number: createPseudonyms(createPseudonymKey(SECRET)).of('number', NUMBER),
    })
    expect(JSON.stringify([claims, answer, await request()])).not.toContain('9876543210')
    expect(await verify(id, code)).toEqual({ answer: 'refused' })
  })

  test('codes are spread evenly: no digit and no place is likelier', () => {
    const codes = createOtpCodes(SECRET)
    const counts = Array.from({ length: 6 }, () => new Array<number>(10).fill(0))
    for (let n = 0; n < 20_000; n++) {
      ;[...codes.code()].forEach((digit, place) => {
        const counted = counts[place] as number[]
        counted[Number(digit)] = (counted[Number(digit)] ?? 0) + 1
      })
    }
    // Chi-square with nine degrees of freedom: above 40 once in a hundred thousand.
    for (const counted of counts)
      expect(counted.reduce((sum, count) => sum + (count - 2_000) ** 2 / 2_000, 0)).toBeLessThan(40)
  })

  test('of fifty parallel uses exactly one wins', async () => {
    const { id, code = '' } = await request()
    const answers = await Promise.all(Array.from({ length: 50 }, () => verify(id, code)))
    expect(answers.filter(({ answer }) => answer === 'given')).toHaveLength(1)
    expect(answers.filter(({ answer }) => answer === 'refused')).toHaveLength(49)
  })

  test('is good for three minutes', async () => {
    const early = await request()
    const late = await request()
    clock.advance(CODE_LIFETIME_MS - 1)
    expect((await verify(early.id, early.code ?? '')).answer).toBe('given')
    clock.advance(2)
    expect(await verify(late.id, late.code ?? '')).toEqual({ answer: 'refused' })
  })

  test('is good for five tries, the right one among them', async () => {
    const lucky = await request()
    for (let n = 0; n < 4; n++) expect(await verify(lucky.id, wrongOf(lucky.code))).toEqual({ answer: 'refused' })
    expect((await verify(lucky.id, lucky.code ?? '')).answer).toBe('given')
    const unlucky = await request()
    for (let n = 0; n < 5; n++) await verify(unlucky.id, wrongOf(unlucky.code))
    expect(await verify(unlucky.id, unlucky.code ?? '')).toEqual({ answer: 'refused' })
  })

  test('is of its own transaction, and not of another of the same number', async () => {
    const [one, two] = [await request(), await request()]
    if (one.code !== two.code) expect(await verify(one.id, two.code ?? '')).toEqual({ answer: 'refused' })
    expect((await verify(one.id, one.code ?? '')).answer).toBe('given')
    expect((await verify(two.id, two.code ?? '')).answer).toBe('given')
  })
})

describe('who guesses', () => {
  test('gets fifty wrong codes a day for a number, however many transactions and addresses', async () => {
    let tries = 0
    for (let n = 0; n < 12; n++) {
      const { id, code } = await request(NUMBER, `198.51.100.${n}`)
      clock.advance(180_000 - 1_000)
      if (code === undefined) continue
      for (let t = 0; t < 5; t++) {
        await verify(id, wrongOf(code), `203.0.113.${n * 5 + t}`)
        tries += 1
      }
    }
    expect(tries).toBeGreaterThanOrEqual(50)
    clock.advance(180_000)
    const { id, code = '' } = await request()
    expect(await verify(id, code)).toEqual({ answer: 'refused' })
    const other = await request('+919876543211')
    expect((await verify(other.id, other.code ?? '')).answer).toBe('given')
  })

  test('with a transaction that never was gets the answer of a wrong code', async () => {
    expect(await verify('AAAAAAAAAAAAAAAAAAAAAA', '123456')).toEqual({ answer: 'refused' })
  })
})

describe('nobody learns which numbers exist', () => {
  test('each number gets the same answer and the same steps, asked for before or not, over its limit or not', async () => {
    const shapes = new Set<string>()
    for (let n = 0; n < 9; n++) {
      steps = []
      const answer = await ask({ ask: 'request', number: NUMBER, address: ADDRESS })
      shapes.add(JSON.stringify([answer, steps]).replace(/"transaction":"[\w-]{22}"/, ''))
    }
    steps = []
    const answer = await ask({ ask: 'request', number: '+447700900000', address: ADDRESS })
    shapes.add(JSON.stringify([answer, steps]).replace(/"transaction":"[\w-]{22}"/, ''))
    expect([...shapes]).toHaveLength(1)
    await turn()
    expect(sent.filter(({ number }) => number === NUMBER)).toHaveLength(5)
  })

  test('a code that was withheld cannot be guessed by who knows that it was', async () => {
    for (let n = 0; n < 5; n++) await request()
    const { id, code } = await request()
    expect(code).toBeUndefined()
    expect(await verify(id, '')).toEqual({ answer: 'refused' })
  })

  test('the answer does not wait for the delivery', async () => {
    const answer = await ask({ ask: 'request', number: NUMBER, address: ADDRESS })
    expect([answer.answer, sent]).toEqual(['given', []])
    await turn()
    expect(sent).toHaveLength(1)
  })

  test('wrong, spent, late and unknown codes take the same steps', async () => {
    const { id, code = '' } = await request()
    const taken: string[] = []
    const tried = async (transaction: string, tryCode: string): Promise<void> => {
      steps = []
      const answer = await verify(transaction, tryCode)
      taken.push(JSON.stringify([answer, steps]))
    }
    await tried(id, wrongOf(code))
    await tried('AAAAAAAAAAAAAAAAAAAAAA', code)
    await verify(id, code)
    await tried(id, code)
    expect(new Set(taken).size).toBe(1)
  })
})

describe('floods', () => {
  test('to one number: five messages in a quarter of an hour, from wherever they are asked for', async () => {
    for (let n = 0; n < 200; n++) await request(NUMBER, `198.51.100.${n}`)
    expect(sent).toHaveLength(5)
    clock.advance(900_000)
    await request()
    expect(sent).toHaveLength(6)
  })

  test('of one address, which is told to wait', async () => {
    for (let n = 0; n < 1_000; n++)
      await ask({ ask: 'request', number: `+91987654${String(n).padStart(4, '0')}`, address: ADDRESS })
    expect(await ask({ ask: 'request', number: NUMBER, address: ADDRESS })).toMatchObject({ answer: 'limited' })
    expect(await verify('AAAAAAAAAAAAAAAAAAAAAA', '1')).toMatchObject({ answer: 'limited' })
    expect((await ask({ ask: 'request', number: NUMBER, address: '203.0.113.9' })).answer).toBe('given')
  })
})

describe('an authenticator', () => {
  const by = (account: string, code: string) => ask({ ask: 'verify-account', account, code, address: ADDRESS })

  test('opens a session without a number, once a step', async () => {
    const answer = await by('asha', '123456')
    if (answer.answer !== 'given') throw new Error(answer.answer)
    const claims = decodeJwt(String(answer.body.access_token))
    expect([claims.sub, claims.amr, claims.otp_number]).toEqual(['asha', ['otp'], undefined])
    expect(await by('asha', '123456')).toEqual({ answer: 'refused' })
  })

  test('is refused alike for a wrong code and for nobody', async () => {
    expect(await by('asha', '000000')).toEqual({ answer: 'refused' })
    expect(await by('nobody', '123456')).toEqual({ answer: 'refused' })
  })

  test('cannot be guessed for ever', async () => {
    for (let n = 0; n < 50; n++) await by('asha', '000000')
    expect(await by('asha', '123456')).toEqual({ answer: 'refused' })
  })
})

test('a store that is away refuses everybody, and no number is logged', async () => {
  failing = true
  expect(await ask({ ask: 'request', number: NUMBER, address: ADDRESS })).toEqual({ answer: 'unavailable' })
  expect(await verify('x', '123456')).toEqual({ answer: 'unavailable' })
  expect(errors.join()).not.toContain('9876543210')
})

describe('what is counted', () => {
  test('each request once, by what became of it', async () => {
    for (let n = 0; n < 6; n++) await request()
    expect(counted).toEqual([...new Array<string>(5).fill('requested sent'), 'requested withheld'])
    for (let n = 0; n < 994; n++) await ask({ ask: 'request', number: NUMBER, address: ADDRESS })
    counted = []
    await ask({ ask: 'request', number: NUMBER, address: ADDRESS })
    await verify('x', '1')
    expect(counted).toEqual(['requested limited', 'number limited'])
  })

  test('each code that is brought back once, by its way and why it was not taken', async () => {
    const [{ id, code = '' }, guessed] = [await request(), await request()]
    counted = []
    await verify(id, wrongOf(code))
    await verify(id, code)
    await verify(id, code)
    for (let n = 0; n < 5; n++) await verify(guessed.id, wrongOf(guessed.code))
    await verify(guessed.id, guessed.code ?? '')
    expect(counted).toEqual([
      ...['number wrong', 'number verified', 'number absent'],
      ...new Array<string>(5).fill('number wrong'),
      'number exhausted',
    ])
  })

  test('those of an authenticator likewise, and who is blocked', async () => {
    const by = (account: string, code: string) => ask({ ask: 'verify-account', account, code, address: ADDRESS })
    await by('asha', '123456')
    await by('asha', '123456')
    await by('asha', '000000')
    expect(counted).toEqual(['account verified', 'account replayed', 'account wrong'])
    for (let n = 0; n < 50; n++) await by('asha', '000000')
    counted = []
    await by('asha', '123456')
    expect(counted).toEqual(['account blocked'])
  })

  test('a store that is away', async () => {
    failing = true
    await ask({ ask: 'request', number: NUMBER, address: ADDRESS })
    await verify('x', '1')
    await ask({ ask: 'keys' })
    expect(counted).toEqual(['requested unavailable', 'number unavailable'])
  })
})
