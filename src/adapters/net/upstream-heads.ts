// Heads on a connection to an upstream: the request's as it is written, and what the answer's tells.
import type { ResponseHead } from '../../http1/head.ts'
import { requestHeadText } from '../../http1/write-head.ts'
import type { UpstreamRequest } from '../../ports/upstream-client.ts'

const BEGINNING = 'HTTP/1.'

export function headText({ method, target, lines, body, upgrade }: UpstreamRequest, host: string): string {
  let text = `Host: ${host}\r\n${lines}`
  if (body === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
  else if (body > 0 || METHODS_WITH_BODY.has(method)) text += `Content-Length: ${String(body)}\r\n`
  if (upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`
  return requestHeadText(method, target, text)
}

/** Its fields tell of a body, whether one comes or not. */
export function mentionsBody({ fields }: ResponseHead): boolean {
  const length = fields.first('content-length')
  return (length !== undefined && length !== '0') || fields.has('transfer-encoding')
}

/** RFC 9110, 8.6: these say that they have no body where they have none. */
const METHODS_WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/**
 * A body that some upstreams leave unread: one in chunks, or of a method that needs none. They would take it for a further request,
 * and answer that one when the connection is another caller's (GHSA-ggv3-7p47-pfv8).
 */
export function hasUnusualBody({ method, body }: UpstreamRequest): boolean {
  return body === 'chunked' || (body > 0 && !METHODS_WITH_BODY.has(method))
}

/** Whether no more bytes can make a head of it. */
export function isHopeless(bytes: Buffer): boolean {
  const begun = bytes.toString('latin1', 0, BEGINNING.length)
  if (!BEGINNING.startsWith(begun)) return true
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) {
    if (bytes[at - 1] !== 0x0d) return true
  }
  return false
}
