// Posts orders to the control planes of other gateways. They prove themselves: who answers there is not asked for a credential.
import { request as requestPlain, type ClientRequest, type RequestOptions } from 'node:http'
import { request as requestSecure } from 'node:https'
import { rootCertificates } from 'node:tls'
import type { PeerLink } from '../../ports/peer-link.ts'

export interface PeerLinkOptions {
  /** From the first try to connect to the head of the answer. */
  readonly timeoutMs: number
  /** PEM of an authority, or of the certificate that the control planes of the fleet share; read at each post. */
  readonly ca?: () => string | undefined
}

const PATH = '/api/v1/fleet/orders'
/** A control plane takes bodies of 128 KiB. */
const BATCH_BYTES_MAX = 100_000

export function createPeerLink({ timeoutMs, ca }: PeerLinkOptions): PeerLink {
  return {
    async post(origin, bodies) {
      const authority = ca?.()
      for (const batch of batchesOf(bodies))
        await send(new URL(PATH, origin), JSON.stringify({ entries: batch }), {
          timeout: timeoutMs,
          ...(authority === undefined ? {} : { ca: [...rootCertificates, authority] }),
        })
    },
  }
}

function batchesOf(bodies: readonly string[]): readonly (readonly string[])[] {
  const batches: string[][] = []
  let bytes = Infinity
  for (const body of bodies) {
    // As JSON writes it into a list: quotes are escaped.
    const length = JSON.stringify(body).length + 1
    if (bytes + length > BATCH_BYTES_MAX) {
      batches.push([])
      bytes = 0
    }
    batches.at(-1)?.push(body)
    bytes += length
  }
  return batches
}

function send(url: URL, body: string, options: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const call: ClientRequest = (url.protocol === 'https:' ? requestSecure : requestPlain)(
      url,
      {
        ...options,
        method: 'POST',
        // Each is a connection of its own: they are few, and none is kept to a peer that may be gone.
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), connection: 'close' },
      },
      (response) => {
        response.resume()
        if (response.statusCode === 200) resolve()
        else reject(new Error(`it answered ${response.statusCode ?? 0}`))
      },
    )
    const late = setTimeout(
      () => call.destroy(new Error(`no answer in ${String(options.timeout)} ms`)),
      options.timeout,
    )
    call.once('close', () => {
      clearTimeout(late)
    })
    call.once('error', reject)
    call.end(body)
  })
}
