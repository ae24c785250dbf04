// Delivers codes to whoever sends the text messages: signed (https://www.standardwebhooks.com), timed out, and tried again.
import { createHmac } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from '../../ports/logger.ts'
import type { OtpDelivery, OtpMessage, OtpMeter } from '../../ports/otp.ts'

const TRIES = 3
const PAUSE_MS = 1_000
/** Deliveries under way; more are given up, so that a webhook that hangs does not hold the memory of a flood. */
const PENDING_MAX = 1_000

export interface OtpWebhookOptions {
  readonly url: string
  /** Of at least 32 characters; `whsec_` and base64, or any other text. */
  readonly secret: string
  readonly timeoutMs: number
  readonly now: () => number
  readonly logger: Logger
  readonly onResult: OtpMeter['delivered']
  readonly fetch?: typeof fetch
  readonly pause?: (ms: number) => Promise<unknown>
}

/** Neither number nor code ever stands in a log: a message that could not be delivered is told by its id. */
export function createOtpWebhook(options: OtpWebhookOptions): OtpDelivery {
  const { now, logger, onResult, pause = wait } = options
  let pending = 0
  const deliver = async (message: OtpMessage): Promise<void> => {
    let problem = 'too many are under way'
    for (let attempt = 1; attempt <= TRIES && pending <= PENDING_MAX; attempt++) {
      if (attempt > 1) {
        onResult('retried')
        await pause(PAUSE_MS * 2 ** (attempt - 2))
      }
      if (now() >= message.expiresAt) break
      const failed = await post(options, message)
      if (failed === undefined) {
        onResult('delivered')
        return
      }
      problem = failed
    }
    onResult('failed')
    logger.warn('a one-time password could not be delivered', { transaction: message.id, problem })
  }
  return {
    deliver(message) {
      pending += 1
      void deliver(message).finally(() => {
        pending -= 1
      })
    },
  }
}

/** Why it failed, or undefined. */
async function post(options: OtpWebhookOptions, message: OtpMessage): Promise<string | undefined> {
  const { url, secret, timeoutMs, now } = options
  const { id, number, code, expiresAt } = message
  const body = JSON.stringify({ type: 'otp', number, code, expiresAt: new Date(expiresAt).toISOString() })
  const timestamp = String(Math.floor(now() / 1000))
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
  try {
    const answer = await (options.fetch ?? fetch)(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        // The same for each try, so that a message is sent once (Standard Webhooks, idempotency).
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      },
      body,
      // A redirect could take the code anywhere.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    await answer.body?.cancel()
    return answer.ok ? undefined : `it answered ${answer.status}`
  } catch (error) {
    const isLate = typeof error === 'object' && error !== null && 'name' in error && error.name === 'TimeoutError'
    return isLate ? 'no answer in time' : 'it cannot be reached'
  }
}

function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
}
