// Asks an issuer for an opaque session (RFC 7662).
import { readFile } from 'node:fs/promises'
import type { Found, SessionLookup } from '../../ports/session-lookup.ts'

export interface IntrospectionOptions {
  readonly url: string
  readonly clientId: string
  readonly secretFile: string
  readonly timeoutMs: number
}

const ANSWER_BYTES_MAX = 65_536
const SECRET_BYTES_MAX = 4_096

/** Rejects with an Error of one line where the secret cannot be read. */
export async function createIntrospection(options: IntrospectionOptions): Promise<SessionLookup> {
  const secret = (await readFile(options.secretFile, 'utf8')).replace(/\r?\n$/, '')
  if (secret === '' || secret.length > SECRET_BYTES_MAX)
    throw new Error(`${options.secretFile}: holds no client secret`)
  // RFC 6749, 2.3.1: both are form-encoded before they become Basic.
  const pair = `${formEncoded(options.clientId)}:${formEncoded(secret)}`
  const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
  return {
    find: (token) => ask(options, authorization, token),
    close: () => Promise.resolve(),
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice('x='.length)
}

/** No redirects: a token goes to the issuer alone. The time limit covers the whole answer. */
async function ask({ url, timeoutMs }: IntrospectionOptions, authorization: string, token: string): Promise<Found> {
  const response = await fetch(url, {
    method: 'POST',
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
    headers: { authorization, accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
  })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new Error(`the introspection endpoint answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > ANSWER_BYTES_MAX)
      throw new Error(`the introspection endpoint answered more than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return claimsIn(Buffer.concat(chunks))
}

function claimsIn(bytes: Buffer): Found {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Error('the introspection endpoint answered no JSON')
  }
  if (typeof value !== 'object' || value === null || !('active' in value) || typeof value.active !== 'boolean')
    throw new Error('the introspection endpoint did not say whether the session is active')
  return value.active ? value : undefined
}
