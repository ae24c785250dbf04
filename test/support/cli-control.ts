// A small stand-in for the control plane, for tests of the command line: it verifies every signature itself, with node:crypto.
import { createHash, createPublicKey, randomUUID, verify, type KeyObject } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface SeenOrder {
  readonly id: string
  readonly kid: string
  readonly order: Record<string, unknown>
  readonly claims: Record<string, unknown>
  /** Value of ?wait, where it was asked for. */
  readonly wait: string | null
}

export interface Reply {
  readonly status: number
  readonly body: unknown
  readonly type?: string
}

export interface StandIn {
  readonly url: string
  readonly orders: SeenOrder[]
  /** Identifiers that were turned into pseudonyms. */
  readonly identifiers: string[]
  /** Requests as `METHOD path`. */
  readonly requests: string[]
  status: Record<string, unknown>
  responders: readonly Record<string, unknown>[]
  /** What POST /api/v1/explain was asked, and what it answers. */
  explained: Record<string, unknown>[]
  explanation: Record<string, unknown>
  /** Answers an order that holds; undefined never answers. */
  answerOrder: (order: SeenOrder) => Reply | undefined
  close(): Promise<void>
}

export interface StandInOptions {
  /** Raw Ed25519 public keys by responder name, base64url. */
  readonly keys: Readonly<Record<string, string>>
  readonly readToken?: string
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Answers instead of everything. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean
}

export const OPEN_STATUS = {
  epoch: 3,
  frozen: false,
  now: '2026-01-02T04:30:00.000Z',
  locks: [],
  pendingReleases: [],
  fleet: {
    gateways: [
      {
        name: 'gw-1',
        epoch: 3,
        leaseRemainingMs: 1900,
        workers: [{ worker: 'gw-1/0', alive: true, epoch: 3 }],
        proven: true,
      },
    ],
    proven: 1,
    total: 1,
  },
  audit: { healthy: true, size: 1234, checkpointAgeSeconds: 1, vkey: 'gw-1+00000000+AAAA' },
  problems: [],
}

export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const sessions = new Set<string>()
  const nonces = new Set<string>()
  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    standIn.requests.push(`${request.method} ${request.url}`)
    if (options.intercept?.(request, response) === true) return
    void bodyOf(request).then((body) => {
      const reply = route(request, body)
      if (reply !== undefined) send(response, reply)
    })
  }
  const server: Server = options.tls === undefined ? createServer(handle) : createSecureServer(options.tls, handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
  const standIn: StandIn = {
    url,
    orders: [],
    identifiers: [],
    requests: [],
    status: OPEN_STATUS,
    responders: Object.entries(options.keys).map(([name, key]) => ({ name, role: 'commander', key, source: 'config' })),
    explained: [],
    explanation: {},
    answerOrder: ({ id }) => ({ status: 201, body: { id, epoch: 4, covers: ['a.read', 'b.write'], durable: true } }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  }

  function route(request: IncomingMessage, body: Record<string, unknown>): Reply | undefined {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    switch (`${request.method} ${pathname}`) {
      case 'POST /api/v1/orders': {
        const seen = open(String(body.order), 'portcullis-order+jwt', options.keys)
        if (seen === undefined) return problem(401, 'unknown signer', 'no responder has signed this')
        const order = {
          id: seen.id,
          kid: seen.kid,
          claims: seen.claims,
          order: seen.claims.order as Record<string, unknown>,
          wait: searchParams.get('wait'),
        }
        standIn.orders.push(order)
        return standIn.answerOrder(order)
      }
      case 'GET /api/v1/login/nonce': {
        const nonce = randomUUID()
        nonces.add(nonce)
        return { status: 200, body: { nonce } }
      }
      case 'POST /api/v1/login':
        return login(String(body.login))
    }
    if (!isAuthorised(request)) return problem(401, 'unauthorised', 'a read token or a login is needed')
    switch (`${request.method} ${pathname}`) {
      case 'GET /api/v1/status':
        return { status: 200, body: standIn.status }
      case 'GET /api/v1/responders':
        return { status: 200, body: { responders: standIn.responders } }
      case 'POST /api/v1/explain':
        standIn.explained.push(body)
        return { status: 200, body: standIn.explanation }
      case 'POST /api/v1/pseudonyms': {
        const identifiers = body.values as string[]
        standIn.identifiers.push(...identifiers)
        return { status: 200, body: { pseudonyms: identifiers.map((each) => pseudonym(String(body.kind), each)) } }
      }
    }
    return problem(404, 'not found', pathname)
  }

  function login(jws: string): Reply {
    const seen = open(jws, 'portcullis-login+jwt', options.keys)
    const nonce = String(seen?.claims.nonce)
    if (seen === undefined || seen.claims.aud !== url || !nonces.delete(nonce))
      return problem(401, 'login refused', 'aud or nonce is not ours')
    const session = randomUUID()
    sessions.add(session)
    return { status: 200, body: { token: session } }
  }

  function isAuthorised(request: IncomingMessage): boolean {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? ''
    return token !== '' && (token === options.readToken || sessions.has(token))
  }
  return standIn
}

export function pseudonym(kind: string, value: string): string {
  return `k1.${createHash('sha256').update(`${kind} ${value}`).digest('base64url').slice(0, 22)}`
}

export function problem(status: number, title: string, detail: string, members: Record<string, unknown> = {}): Reply {
  return { status, type: 'application/problem+json', body: { type: 'about:blank', title, status, detail, ...members } }
}

function send(response: ServerResponse, { status, body, type }: Reply): void {
  response.writeHead(status, { 'content-type': type ?? 'application/json' }).end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>)
}

/** Verifies a compact JWS by its `kid`: alg EdDSA and the given typ alone. */
function open(
  jws: string,
  typ: string,
  keys: Readonly<Record<string, string>>,
): { id: string; kid: string; claims: Record<string, unknown> } | undefined {
  const [head = '', payload = '', signature = ''] = jws.split('.')
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as Record<string, unknown>
  const kid = String(header.kid)
  const key = keys[kid]
  if (header.alg !== 'EdDSA' || header.typ !== typ || key === undefined) return undefined
  if (!verify(null, Buffer.from(`${head}.${payload}`), publicKey(key), Buffer.from(signature, 'base64url')))
    return undefined
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  return { id: createHash('sha256').update(`${head}.${payload}`).digest('base64url'), kid, claims }
}

function publicKey(x: string): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
}
