// The gateway's own one-time passwords: asked for by number, delivered elsewhere, brought back once, turned into a session.
// Nothing that it answers tells whether a number exists, whether it was asked for before, or why a code was not taken.
import type { Pseudonyms } from '../../ports/pseudonyms.ts'
import type { Instant, Limit } from '../../core/time.ts'
import type {
  AskOtp,
  Authenticators,
  OtpAnswer,
  OtpCodes,
  OtpDelivery,
  OtpMeter,
  OtpQuestion,
  OtpStore,
  SessionIssuer,
} from '../../ports/otp.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'

export const CODE_LIFETIME_MS = 180_000
const TRIES_MAX = 5
/** RFC 6238, 5.2: one step early and one late are taken; a step that was used is remembered for as long. */
const STEP_REMEMBERED_MS = 180_000

export interface OtpDeskOptions {
  readonly limits: Readonly<Record<'number' | 'failures' | 'address' | 'total', Limit>>
  readonly sessionMs: number
  readonly store: OtpStore
  readonly codes: OtpCodes
  readonly issuer: SessionIssuer
  /** Absent: no code can be asked for. */
  readonly delivery?: OtpDelivery
  readonly authenticators?: Authenticators
  readonly pseudonyms: Pseudonyms
  readonly clock: Clock
  readonly logger: Logger
  readonly meter: OtpMeter
}

const REFUSED: OtpAnswer = { answer: 'refused' }

export function createOtpDesk(options: OtpDeskOptions): AskOtp {
  const { clock, logger } = options
  return async (question) => {
    try {
      return await answerTo(question, options)
    } catch (error) {
      // Of the store: a code that cannot be counted is not taken.
      tell(question, 'unavailable', options)
      logger.error('one-time passwords cannot be judged', {
        error: error instanceof Error ? error.message : String(error),
        at: clock.now(),
      })
      return { answer: 'unavailable' }
    }
  }
}

function tell(question: OtpQuestion, result: 'limited' | 'unavailable', { meter }: OtpDeskOptions): void {
  if (question.ask === 'request') meter.requested(result)
  else if (question.ask !== 'keys') meter.verified(question.ask === 'verify' ? 'number' : 'account', result)
}

async function answerTo(question: OtpQuestion, options: OtpDeskOptions): Promise<OtpAnswer> {
  const now = options.clock.now()
  if (question.ask === 'keys') return { answer: 'given', body: await options.issuer.keys(now) }
  const waitMs = await countCaller(question.address, options, now)
  if (waitMs > 0) {
    tell(question, 'limited', options)
    return { answer: 'limited', retryAfterMs: waitMs }
  }
  switch (question.ask) {
    case 'request':
      return request(question.number, options, now)
    case 'verify':
      return verify(question, options, now)
    case 'verify-account':
      return verifyAccount(question, options, now)
  }
}

async function countCaller(address: string, { store, limits }: OtpDeskOptions, now: Instant): Promise<number> {
  const waits = await store.count(
    [
      { key: `address ${address}`, limit: limits.address },
      { key: 'total', limit: limits.total },
    ],
    now,
  )
  return Math.max(...waits)
}

/**
 * The same steps and the same answer for every number; only whether a message goes out afterwards differs. Beyond its limit a
 * number gets none, and the caller is not told: that somebody else has asked would say that the number is somebody's.
 */
async function request(number: string, options: OtpDeskOptions, now: Instant): Promise<OtpAnswer> {
  const { store, codes, pseudonyms, limits, delivery, meter } = options
  if (delivery === undefined) {
    meter.requested('unavailable')
    return { answer: 'unavailable' }
  }
  const about = pseudonyms.of('number', number)
  const [id, code] = [codes.transaction(), codes.code()]
  const [waitMs = 0] = await store.count([{ key: `number ${about}`, limit: limits.number }], now)
  await store.open(id, { mark: codes.mark(id, code), about }, CODE_LIFETIME_MS)
  const isWithheld = waitMs > 0
  meter.requested(isWithheld ? 'withheld' : 'sent')
  const expiresAt = now + CODE_LIFETIME_MS
  // After the answer, and at its own pace.
  setImmediate(() => {
    if (!isWithheld) delivery.deliver({ id, number, code, expiresAt })
  })
  return { answer: 'given', body: { transaction: id, expiresIn: CODE_LIFETIME_MS / 1000 } }
}

interface Tried {
  readonly transaction: string
  readonly code: string
}

async function verify({ transaction, code }: Tried, options: OtpDeskOptions, now: Instant): Promise<OtpAnswer> {
  const { store, codes, limits, meter } = options
  const verdict = await store.try(transaction, codes.mark(transaction, code), TRIES_MAX)
  const isRight = verdict.is === 'right'
  const about = verdict.is === 'absent' ? 'nobody' : verdict.about
  // A right code is one too many as well, once too many were wrong: who guesses must not be able to go on for ever.
  const [waitMs = 0] = await store.count([{ key: `failures ${about}`, limit: limits.failures, peek: isRight }], now)
  if (verdict.is !== 'right' || waitMs > 0) {
    meter.verified('number', verdict.is === 'right' ? 'blocked' : verdict.is)
    return REFUSED
  }
  meter.verified('number', 'verified')
  return open({ subject: about, number: about }, options, now)
}

interface TriedAccount {
  readonly account: string
  readonly code: string
}

async function verifyAccount(
  { account, code }: TriedAccount,
  options: OtpDeskOptions,
  now: Instant,
): Promise<OtpAnswer> {
  const { store, authenticators, limits, pseudonyms, meter } = options
  if (authenticators === undefined) {
    meter.verified('account', 'unavailable')
    return REFUSED
  }
  const key = `failures ${pseudonyms.of('principal', account)}`
  const step = authenticators.stepOf(account, code, now)
  const [waitMs = 0] = await store.count([{ key, limit: limits.failures, peek: step !== undefined }], now)
  if (step === undefined || waitMs > 0) {
    meter.verified('account', step === undefined ? 'wrong' : 'blocked')
    return REFUSED
  }
  // RFC 6238, 5.2: a code is taken once.
  const isFirst = await store.once(`step ${pseudonyms.of('principal', account)} ${step}`, STEP_REMEMBERED_MS)
  meter.verified('account', isFirst ? 'verified' : 'replayed')
  return isFirst ? open({ subject: account }, options, now) : REFUSED
}

async function open(
  facts: { subject: string; number?: string },
  options: OtpDeskOptions,
  now: Instant,
): Promise<OtpAnswer> {
  const token = await options.issuer.issue(facts, now)
  const body = { access_token: token, token_type: 'Bearer', expires_in: Math.floor(options.sessionMs / 1000) }
  return { answer: 'given', body }
}
