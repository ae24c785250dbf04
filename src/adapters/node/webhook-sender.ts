// One signed POST (Standard Webhooks, https://www.standardwebhooks.com), made so that neither its URL nor a name server can lead the
// gateway to where it must not go: the address that is connected to is the one that was checked.
import { createHmac } from 'node:crypto'
import { lookup as resolve } from 'node:dns'
import { request as requestPlain } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { rootCertificates } from 'node:tls'
import type { Webhook, WebhookMessage, WebhookSender } from '../../ports/webhooks.ts'

export interface WebhookSenderOptions {
  readonly timeoutMs: number
  /** Whether this gateway may talk to the address. */
  readonly isAllowed: (address: string) => boolean
  /** PEM of one more authority. */
  readonly ca?: string
}

/** 410: whoever received is gone for good. A redirect would lead to an address that nobody has named. */
class WebhookFailure extends Error {
  readonly isFinal: boolean

  constructor(message: string, isFinal = false) {
    super(message)
    this.isFinal = isFinal
  }
}

export function createWebhookSender({ timeoutMs, isAllowed, ca }: WebhookSenderOptions): WebhookSender {
  const lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      const bad = found.find(({ address }) => !isAllowed(address))
      const [first] = found
      if (error !== null) callback(error, '')
      // Of several addresses all must do: which of them is used must not hang on chance.
      else if (bad !== undefined || first === undefined) callback(notAllowed(), '')
      else if (options.all === true) callback(null, found)
      else callback(null, first.address, first.family)
    })
  }
  return {
    send(webhook, message) {
      const url = new URL(webhook.url)
      const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
      // Names alone are looked up.
      if (isIP(host) !== 0 && !isAllowed(host)) return Promise.reject(notAllowed())
      return post(url, headersOf(webhook, message), message.body, {
        timeoutMs,
        lookup,
        ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      })
    },
  }
}

function notAllowed(): WebhookFailure {
  return new WebhookFailure('its address is not public and not in notify.networks')
}

/** `v1`: HMAC-SHA256 over `id.timestamp.body`. */
function headersOf({ secret }: Webhook, { id, atSeconds, body }: WebhookMessage): Readonly<Record<string, string>> {
  const signature = createHmac('sha256', secret).update(`${id}.${atSeconds}.${body}`).digest('base64')
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'portcullis-webhook',
    'webhook-id': id,
    'webhook-timestamp': String(atSeconds),
    'webhook-signature': `v1,${signature}`,
  }
}

interface PostOptions {
  readonly timeoutMs: number
  readonly lookup: LookupFunction
  readonly ca?: string[]
}

function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  { timeoutMs, lookup, ca }: PostOptions,
): Promise<void> {
  return new Promise((done, fail) => {
    const call = (url.protocol === 'https:' ? requestSecure : requestPlain)(
      url,
      { method: 'POST', agent: false, headers, lookup, ...(ca === undefined ? {} : { ca }) },
      (response) => {
        const { statusCode = 0 } = response
        response.destroy()
        if (statusCode >= 200 && statusCode < 300) done()
        else if (statusCode >= 300 && statusCode < 400)
          fail(new WebhookFailure(`it answered ${statusCode}: redirects are not followed`, true))
        else fail(new WebhookFailure(`it answered ${statusCode}`, statusCode === 410))
      },
    )
    const late = setTimeout(() => call.destroy(new WebhookFailure(`no answer in ${timeoutMs} ms`)), timeoutMs)
    call.once('close', () => {
      clearTimeout(late)
    })
    call.once('error', (error) => {
      fail(error instanceof WebhookFailure ? error : new WebhookFailure(reasonOf(error)))
    })
    call.end(body)
  })
}

/** A code and no more: what a library says may hold the whole URL. */
function reasonOf(error: Error & { readonly code?: string }): string {
  return `the connection failed${error.code === undefined ? '' : `: ${error.code}`}`
}
