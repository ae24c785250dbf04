// Endpoints of the gateway's own, which no upstream answers: they go through locks, record and settle as any request does.
import type { Denial } from '../core/decision.ts'
import { parsePhoneNumber } from '../core/phone-number.ts'
import type { OwnEndpoint } from '../core/policy.ts'
import { fieldLine } from '../http1/write-head.ts'
import type { OtpQuestion } from '../ports/otp.ts'
import type { Exchange } from './exchange.ts'
import { PATIENCE, type Gateway } from './gateway.ts'
import { httpDate } from './headers.ts'
import { overtakenBy } from './in-flight.ts'
import type { OWN_POINTERS } from './judged-body.ts'
import { recordOutcome } from './stages/settle.ts'

/** nginx's manners: keys are asked for by everybody's libraries, again and again. */
const KEYS_AGE = 'public, max-age=300'
const UNAVAILABLE: Denial = { denied: 'sessions-unavailable', retryAfterMs: 5_000 }

/** Resolves to the refusal, or to undefined once it has been answered. Never rejects where its ports do not throw. */
export async function answerOwn(exchange: Exchange, own: OwnEndpoint, gateway: Gateway): Promise<Denial | undefined> {
  const question = questionOf(exchange, own, gateway)
  if ('denied' in question) return question
  const { askOtp } = gateway
  const answer = askOtp === undefined ? UNANSWERED : await askOtp(question)
  // The table is taken in this turn where it is newer: a lock that landed meanwhile has cut this exchange.
  const isKnown = gateway.view.current !== undefined
  const overtaken = overtakenBy(exchange)
  if (!isKnown || overtaken !== undefined) return overtaken ?? UNAVAILABLE
  switch (answer.answer) {
    case 'refused':
      return { denied: 'otp-refused' }
    case 'limited':
      return { denied: 'throttled', detector: 'otp', retryAfterMs: answer.retryAfterMs }
    case 'unavailable':
      return UNAVAILABLE
    case 'given':
      return send(exchange, Buffer.from(JSON.stringify(answer.body)), own, gateway)
  }
}

const UNANSWERED = { answer: 'unavailable' } as const

function questionOf(exchange: Exchange, own: OwnEndpoint, gateway: Gateway): OtpQuestion | Denial {
  if (own === 'otp-keys') return { ask: 'keys' }
  const address = gateway.addresses.aggregate(exchange.address)
  const said = (name: (typeof OWN_POINTERS)[number]): string | undefined => {
    const picked = exchange.body?.picked.get(name)
    return picked?.values.length === 1 ? picked.values[0] : undefined
  }
  if (own === 'otp-request') {
    const number = parsePhoneNumber(said('/number') ?? '', gateway.settings.destinations?.country ?? '')
    if (number === undefined) return malformed('number must be a phone number, as in {"number": "+919876543210"}.')
    exchange.subjects = [gateway.pseudonyms.of('subject', number)]
    return { ask: 'request', number, address }
  }
  const [code, transaction, account] = [said('/code'), said('/transaction'), said('/account')]
  if (code === undefined || (transaction === undefined) === (account === undefined))
    return malformed('This takes {"transaction", "code"}, or {"account", "code"} of an authenticator.')
  return transaction === undefined
    ? { ask: 'verify-account', account: account ?? '', code, address }
    : { ask: 'verify', transaction, code, address }
}

function malformed(detail: string): Denial {
  return { denied: 'malformed-request', detail }
}

async function send(exchange: Exchange, body: Buffer, own: OwnEndpoint, gateway: Gateway): Promise<Denial | undefined> {
  const { request, response, downstream, method } = exchange
  exchange.status = own === 'otp-request' ? 202 : 200
  exchange.bytesSent = method === 'HEAD' ? 0 : body.length
  const { trailMs } = gateway.settings.patience ?? PATIENCE
  if (!(await recordOutcome(exchange, gateway, trailMs))) return { denied: 'audit-unavailable', retryAfterMs: 5_000 }
  const overtaken = overtakenBy(exchange)
  if (overtaken !== undefined) return overtaken
  if (gateway.draining || !request.isComplete) downstream.isClosing = true
  const lines =
    `Content-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n` +
    fieldLine('Cache-Control', own === 'otp-keys' ? KEYS_AGE : 'no-store') +
    `X-Content-Type-Options: nosniff\r\nX-Request-Id: ${exchange.id}\r\nDate: ${httpDate(gateway.clock.now())}\r\n` +
    (downstream.isClosing ? 'Connection: close\r\n' : '')
  response.sendHead(
    exchange.status,
    own === 'otp-request' ? 'Accepted' : 'OK',
    lines,
    method === 'HEAD' ? 'none' : 'length',
  )
  response.end(method === 'HEAD' ? undefined : body, () => undefined)
  return undefined
}
