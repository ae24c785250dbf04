// A router of one screen: endpoints in, a node:http request listener out.
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

export type Exchange = {
  params: Record<string, string>
  query: URLSearchParams
  headers: IncomingHttpHeaders
  /** The parsed JSON body of a POST; undefined when there was none. */
  body: unknown
  /** Aborted when the caller's connection has gone, which is also how a closing registry ends it. */
  signal: AbortSignal
}
export type Answer = { status: number; body: unknown } | { type: string; stream: AsyncIterable<string> }
export type Endpoint = {
  operation: string
  method: 'GET' | 'POST'
  path: string
  answer(exchange: Exchange): Answer | Promise<Answer>
}

const bodyLimitBytes = 16_384

export const failure = (status: number, message: string): Answer => ({
  status,
  body: { code: String(status), message },
})

/**
 * Creates a listener for a list of endpoints. An unknown path is answered 404, an unknown method of a known path 405;
 * HEAD goes with GET. `onRequest` hears the operation (or "unknown") of every request before it is answered.
 */
export function createRouter(endpoints: readonly Endpoint[], onRequest: (operation: string) => void): RequestListener {
  const table = endpoints.map((endpoint) => ({ endpoint, pattern: compile(endpoint.path) }))

  const route = (request: IncomingMessage, url: URL, signal: AbortSignal): Answer | Promise<Answer> => {
    const here = table.filter(({ pattern }) => pattern.test(url.pathname))
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const found = here.find(({ endpoint }) => endpoint.method === method)
    onRequest(found?.endpoint.operation ?? 'unknown')
    if (found === undefined) return here.length === 0 ? failure(404, 'no such path') : failure(405, 'no such method')
    const params = { ...found.pattern.exec(url.pathname)?.groups }
    const known = { params, query: url.searchParams, headers: request.headers, signal }
    if (method === 'GET') return found.endpoint.answer({ ...known, body: undefined })
    return readJson(request).then(
      (body) => found.endpoint.answer({ ...known, body }),
      () => failure(400, 'the body is not JSON, or too long'),
    )
  }

  return (request, response) => {
    const gone = new AbortController()
    response.once('close', () => {
      gone.abort()
    })
    const url = URL.parse(request.url ?? '', 'http://registry')
    Promise.resolve(url === null ? failure(400, 'no such target') : route(request, url, gone.signal))
      .then((answer) => write(answer, request, response, gone.signal))
      .catch(() => response.destroy())
  }
}

const compile = (path: string): RegExp => new RegExp(`^${path.replace(/\{(\w+)\}/g, '(?<$1>[\\w.-]+)')}$`)

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const piece of request.setEncoding('utf8')) {
    text += String(piece)
    if (text.length > bodyLimitBytes) throw new RangeError('body too long')
  }
  return text === '' ? undefined : JSON.parse(text)
}

async function write(answer: Answer, request: IncomingMessage, response: ServerResponse, signal: AbortSignal) {
  // Whoever finds one of these answers somewhere shall see at once that no person is in it.
  response.setHeader('x-demo-data', 'generated')
  response.setHeader('cache-control', 'no-store')
  if ('body' in answer) {
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
    return
  }
  response.writeHead(200, { 'content-type': answer.type })
  if (request.method === 'HEAD') response.end()
  else await pipeline(Readable.from(answer.stream), response, { signal })
}
