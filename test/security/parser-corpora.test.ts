// The fixtures of llhttp and Go's net/http: what a strict reader refuses reaches no upstream, what may pass arrives framed anew.
import http from 'node:http'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from '@jest/globals'
import { turns, useRig } from '../support/rig.ts'
import { fieldsOf, type UpstreamConnection } from '../support/raw-upstream.ts'

const start = useRig()

interface Entry {
  readonly id: string
  readonly b64?: string
  readonly b64_with_host?: string
  readonly rfc?: {
    readonly verdict: 'accept' | 'reject' | 'may-accept' | 'incomplete'
    readonly n_requests_before: number
  }
}

/**
 * Where Node's parser is kinder than the strict reader, and why it does no harm. `SOURCE ... ICE/1.0` and `OPTIONS ...
 * RTSP/1.0` come as requests of HTTP/1.0 and are forwarded as HTTP/1.1; half of the preface of HTTP/2 waits for the rest.
 */
const KNOWN: ReadonlySet<string> = new Set(['L081', 'L082', 'GO20', 'GO22'])

function entriesOf(file: string): readonly Entry[] {
  const path = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors', file)
  if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { entries: readonly Entry[] }).entries
  console.warn(`SKIPPED: ${path} is absent, so these vectors were not run`)
  return []
}

/** Every byte that the upstream got is part of a request that is framed in one way. */
function expectCleanFraming({ bytes, requests }: UpstreamConnection): void {
  for (const request of requests) {
    const framings = [...fieldsOf(request, 'content-length'), ...fieldsOf(request, 'transfer-encoding')]
    expect(framings.length).toBeLessThanOrEqual(1)
    expect(request.head).not.toMatch(/(^|[^\r])\n|\r(?!\n)|\r\n[ \t]/)
    expect(request.head).toMatch(/^[A-Z-]+ \/\S* HTTP\/1\.1\r\n/)
  }
  const heads = bytes.toString('latin1').match(/ HTTP\/1\.1\r\nhost: 127\.0\.0\.1/g) ?? []
  expect(heads.length).toBeGreaterThanOrEqual(requests.length)
}

test.each(['llhttp-request-fixtures.json', 'go-net-http.json'])('%s', async (file) => {
  const entries = entriesOf(file).filter(({ b64, rfc }) => b64 !== undefined && rfc !== undefined)
  const methods = http.METHODS.filter((method) => method !== 'CONNECT')
  const { plane, upstream } = await start(
    { routes: [{ id: 'all', path: '/{rest*}', methods }] },
    () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  )
  const wrong: string[] = []
  for (const { id, b64, b64_with_host: withHost, rfc } of entries) {
    const before = upstream.requests.length
    const client = await plane.connect()
    client.write(Buffer.from(withHost ?? b64 ?? '', 'base64'))
    await turns(25)
    const forwarded = upstream.requests.length - before
    const allowed = rfc?.n_requests_before ?? 0
    const statuses = (client.received.toString('latin1').match(/^HTTP\/1\.1 \d{3}/gm) ?? []).map((line) =>
      Number(line.slice(9)),
    )
    if (
      rfc?.verdict === 'reject' &&
      !KNOWN.has(id) &&
      (forwarded > allowed || !statuses.some((status) => status >= 400))
    ) {
      wrong.push(`${id}: ${forwarded} forwarded of ${allowed}, answered ${statuses.join(' ')}`)
    }
    if ((rfc?.verdict === 'incomplete' || rfc?.verdict === 'may-accept') && forwarded > Math.max(1, allowed))
      wrong.push(`${id}: ${forwarded} forwarded`)
    if (rfc?.verdict === 'incomplete' && forwarded > allowed)
      wrong.push(`${id}: an incomplete request was forwarded whole`)
    if (rfc?.verdict === 'accept' && forwarded > allowed) wrong.push(`${id}: ${forwarded} forwarded of ${allowed}`)
    client.close()
  }
  expect(wrong).toEqual([])
  for (const connection of upstream.connections) expectCleanFraming(connection)
  if (entries.length > 0) expect(upstream.requests.length).toBeGreaterThan(10)
})
