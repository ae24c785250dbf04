// Records to a webhook, signed as Standard Webhooks 1.0 has it: who receives them checks the signature with any of its libraries.
import { createHmac } from 'node:crypto'
import type { ExportBatch, ExportSink } from '../../ports/export-sink.ts'

export interface WebhookOptions {
  readonly url: string
  /** 24 to 64 bytes. */
  readonly secret: Uint8Array
  /** Name of the log: with the batch's range it makes the id by which a receiver tells what it has had already. */
  readonly origin: string
  /** Epoch milliseconds. */
  readonly now: () => number
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 15_000

/** `whsec_` and base64, or base64 alone. Throws an Error that repeats nothing of it. */
export function parseWebhookSecret(text: string): Uint8Array {
  const encoded = text.trim().replace(/^whsec_/, '')
  const secret = Buffer.from(encoded, 'base64')
  if (
    secret.length < 24 ||
    secret.length > 64 ||
    secret.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')
  )
    throw new Error('a webhook secret is whsec_ and 24 to 64 bytes of base64')
  return new Uint8Array(secret)
}

export function createWebhookSink(options: WebhookOptions): ExportSink {
  return {
    async send({ from, to, records }: ExportBatch) {
      const body = `${records.map(({ text }) => text).join('\n')}\n`
      const id = `${options.origin}/${from}-${to}`
      const timestamp = String(Math.floor(options.now() / 1000))
      const signature = createHmac('sha256', options.secret).update(`${id}.${timestamp}.${body}`).digest('base64')
      const answer = await fetch(options.url, {
        method: 'POST',
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
        headers: {
          'content-type': 'application/x-ndjson',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': `v1,${signature}`,
          'portcullis-first-index': String(from),
        },
      }).catch((error: unknown) => {
        throw new Error(`the webhook cannot be reached: ${reasonOf(error)}`)
      })
      await answer.body?.cancel()
      if (!answer.ok) throw new Error(`the webhook answered ${answer.status}`)
    },
    close: async () => undefined,
  }
}

/** Node hides the reason one level down; the URL, which may hold a credential, is not in it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (error.name === 'TimeoutError') return 'no answer in time'
  const cause: unknown = error.cause
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.name
}
