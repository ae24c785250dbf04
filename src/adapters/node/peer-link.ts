// Posts to the control planes of other gateways orders, which prove themselves, and questions that a person has signed. Who answers there is not
// asked for a credential.
import { createHash, type Hash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { request as requestPlain, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestSecure } from 'node:https'
import { pipeline } from 'node:stream/promises'
import { rootCertificates } from 'node:tls'
import type { PeerLink } from '../../ports/peer-link.ts'

export interface PeerLinkOptions {
  /** From the first try to connect to the head of the answer. */
  readonly timeoutMs: number
  /** PEM of an authority, or of the certificate that the control planes of the fleet share; read at each post. */
  readonly ca?: () => string | undefined
}

const PATH = '/api/v1/fleet/orders'
const PEOPLE_PATH = '/api/v1/fleet/people'
/** The page that asks waits for 35 s. */
const PEOPLE_TIMEOUT_MS = 30_000
/** Some four million people. */
const PEOPLE_BYTES_MAX = 1 << 29
/** A control plane takes bodies of 128 KiB. */
const BATCH_BYTES_MAX = 100_000

export function createPeerLink({ timeoutMs, ca }: PeerLinkOptions): PeerLink {
  const optionsOf = (timeout: number): RequestOptions => {
    const authority = ca?.()
    return { timeout, ...(authority === undefined ? {} : { ca: [...rootCertificates, authority] }) }
  }
  return {
    async post(origin, bodies) {
      for (const batch of batchesOf(bodies))
        await send(new URL(PATH, origin), JSON.stringify({ entries: batch }), optionsOf(timeoutMs), drain)
    },
    async askPeople(origin, body, file) {
      const hash = createHash('sha256')
      let seal = ''
      await send(new URL(PEOPLE_PATH, origin), JSON.stringify(body), optionsOf(PEOPLE_TIMEOUT_MS), async (response) => {
        seal = String(response.headers['portcullis-answer'] ?? '')
        await pipeline(response, bounded(hash), createWriteStream(file, { mode: 0o600 }))
      })
      return { sha256: hash.digest('base64url'), seal }
    },
  }
}

async function drain(response: IncomingMessage): Promise<void> {
  response.resume()
}

/** What a peer sends fills no disk. */
function bounded(hash: Hash): (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (chunks) {
    let bytes = 0
    for await (const chunk of chunks) {
      bytes += chunk.length
      if (bytes > PEOPLE_BYTES_MAX) throw new Error(`its list is longer than ${PEOPLE_BYTES_MAX} bytes`)
      hash.update(chunk)
      yield chunk
    }
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

function send(
  url: URL,
  body: string,
  options: RequestOptions,
  read: (response: IncomingMessage) => Promise<void>,
): Promise<void> {
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
        if (response.statusCode === 200) read(response).then(resolve, reject)
        else {
          response.resume()
          reject(new Error(`it answered ${response.statusCode ?? 0}`))
        }
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
