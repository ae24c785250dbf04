// One exchange with a control plane: JSON there and back, bounded in time and size, and each way to fail in one clear line.
import type { IncomingMessage, RequestOptions } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { ControlAddress } from './control-address.ts'

export const ANSWER_TIMEOUT_MS = 5000
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

export interface ControlRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query. */
  readonly path: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

/** `unreachable`: no JSON answer could be had; `text` says why and what would be right. */
export type Answer =
  | {
      readonly control: ControlAddress
      readonly status: number
      readonly body: unknown
      readonly cookies: readonly string[]
    }
  | { readonly control: ControlAddress; readonly unreachable: string }

/** What a control plane answered, where an answer could be had. */
export type Answered = Exclude<Answer, { unreachable: string }>

export interface Transport {
  /** Never rejects. */
  send(control: ControlAddress, request: ControlRequest): Promise<Answer>
  /** An answer of lines (NDJSON) goes into the file, however long it is; any other is one as of `send`. Never rejects. */
  receive(control: ControlAddress, request: ControlRequest, file: string): Promise<Answer | Received>
}

export interface Received {
  readonly control: ControlAddress
  readonly file: string
}

/**
 * `ca`: PEM of the authorities to trust besides the system's own, for control planes with a private certificate. `patienceMs`: how
 * long an exchange may take that says nothing of it.
 */
export function createTransport(ca?: string, patienceMs = ANSWER_TIMEOUT_MS): Transport {
  const ask = async <T>(
    control: ControlAddress,
    request: ControlRequest,
    read: (response: IncomingMessage) => Promise<T>,
  ): Promise<T | { readonly control: ControlAddress; readonly unreachable: string }> => {
    const timeoutMs = request.timeoutMs ?? patienceMs
    try {
      return await read(await open(control, request, timeoutMs, ca))
    } catch (error) {
      return { control, unreachable: failureText(control, error, timeoutMs) }
    }
  }
  const whole = async (control: ControlAddress, response: IncomingMessage): Promise<Answer> =>
    readAnswer(control, response, await textOf(response))
  return {
    send: (control, request) => ask(control, request, (response) => whole(control, response)),
    receive: (control, request, file) =>
      ask<Answer | Received>(control, request, async (response) => {
        if (response.statusCode !== 200 || !isLines(response)) return whole(control, response)
        const { createWriteStream } = await import('node:fs')
        await pipeline(response, createWriteStream(file, { mode: 0o600 }))
        return { control, file }
      }),
  }
}

async function open(
  control: ControlAddress,
  request: ControlRequest,
  timeoutMs: number,
  ca: string | undefined,
): Promise<IncomingMessage> {
  const secure = control.startsWith('https:')
  const { request: begin } = secure ? await import('node:https') : await import('node:http')
  const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body))
  const options: RequestOptions & { ca?: string[] } = {
    method: request.method,
    agent: false,
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      accept: 'application/json, application/problem+json',
      ...request.headers,
      ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': payload.byteLength }),
    },
    ...(secure && ca !== undefined ? { ca: [...(await systemAuthorities()), ca] } : {}),
  }
  return new Promise((resolve, reject) => {
    const outgoing = begin(new URL(request.path, control), options, resolve)
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

function isLines(response: IncomingMessage): boolean {
  return response.headers['content-type'] === 'application/x-ndjson'
}

function textOf(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.byteLength
      if (bytes > ANSWER_BYTES_MAX) response.destroy(new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`))
      else chunks.push(chunk)
    })
    response.on('error', reject)
    response.on('end', () => {
      resolve(Buffer.concat(chunks).toString('utf8'))
    })
  })
}

async function systemAuthorities(): Promise<readonly string[]> {
  const { getCACertificates } = await import('node:tls')
  return getCACertificates()
}

function readAnswer(control: ControlAddress, response: IncomingMessage, text: string): Answer {
  const status = response.statusCode ?? 0
  const type = response.headers['content-type'] ?? ''
  if (/^application\/(?:[a-z.+-]*[+])?json\b/i.test(type)) {
    try {
      return { control, status, body: JSON.parse(text), cookies: response.headers['set-cookie'] ?? [] }
    } catch {
      return {
        control,
        unreachable: `${control} answered ${status} with JSON that is broken: is something between you and the control plane?`,
      }
    }
  }
  return {
    control,
    unreachable: `${control} answered ${status} with ${type === '' ? 'no content type' : type} instead of JSON: it is no control plane of Portcullis; give the address of control.listen`,
  }
}

const TLS_UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

const BY_CODE: Readonly<Record<string, (host: string) => string>> = {
  ECONNREFUSED: () => 'refuses the connection: is the gateway running, and is this its control.listen?',
  ENOTFOUND: (host) => `cannot be found: no address is known for ${host}`,
  EAI_AGAIN: (host) => `cannot be found: the name service does not answer for ${host}`,
  ENETUNREACH: () => 'cannot be reached: there is no way to its network',
  EHOSTUNREACH: () => 'cannot be reached: its host does not answer',
  ECONNRESET: () => 'closed the connection without an answer: does it expect https://?',
  EPIPE: () => 'closed the connection without an answer: does it expect https://?',
  CERT_HAS_EXPIRED: () => 'shows a certificate that has expired: renew control.tls.cert',
  CERT_NOT_YET_VALID: () => 'shows a certificate that is not valid yet: check the clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: (host) =>
    `shows a certificate for other names than ${host}: use a name that stands in it`,
  EPROTO: () => 'does not speak TLS: does it expect http://?',
  ERR_SSL_WRONG_VERSION_NUMBER: () => 'does not speak TLS: does it expect http://?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: () => 'does not speak TLS: does it expect http://?',
}

function failureText(control: ControlAddress, error: unknown, timeoutMs: number): string {
  const { code, name, message } = describe(error)
  if (name === 'TimeoutError' || code === 'ABORT_ERR' || code === 'ETIMEDOUT')
    return `${control} gave no answer within ${timeoutMs / 1000} s`
  if (TLS_UNTRUSTED.has(code))
    return `${control} shows a certificate that is not trusted here (${code}): name its authority with --ca FILE`
  if (code.startsWith('HPE_')) return `${control} does not speak HTTP (${code}): does it expect https://?`
  const known = BY_CODE[code]?.(new URL(control).hostname)
  return known === undefined ? `${control} cannot be asked: ${message}` : `${control} ${known}`
}

function describe(error: unknown): { code: string; name: string; message: string } {
  // A name with several addresses fails with all of their errors at once; the first says enough.
  const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error
  if (!(first instanceof Error)) return { code: '', name: '', message: String(first) }
  const code = 'code' in first && typeof first.code === 'string' ? first.code : ''
  return { code, name: first.name, message: first.message }
}
