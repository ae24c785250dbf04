// The control plane over HTTP: what every request passes before its resource answers.
import express, {
  type ErrorRequestHandler,
  type Express,
  type NextFunction,
  type Request,
  type RequestHandler,
  type Response,
} from 'express'
import { checkHost } from './check-host.ts'
import type { ControlDeps } from './control-deps.ts'
import { createReadLimit, READS, type ReadLimit } from './read-limit.ts'
import { sendProblem, type ProblemCode } from './problem.ts'
import type { Method, Resource } from './resource.ts'
import { anomalyResources } from './resources/anomalies.ts'
import { auditErasureResource } from './resources/audit-erasures.ts'
import { auditLogResources } from './resources/audit-log.ts'
import { consoleResources } from './resources/console.ts'
import { auditProofResource } from './resources/audit-proof.ts'
import { auditSearchResources } from './resources/audit-search.ts'
import { auditWhoseResources } from './resources/audit-whose.ts'
import { docsResources } from './resources/docs.ts'
import { eventResource } from './resources/events.ts'
import { explainResource } from './resources/explain.ts'
import { fleetPeopleResource } from './resources/fleet-people.ts'
import { fleetOrderResource } from './resources/fleet-orders.ts'
import { alertmanagerResource } from './resources/alertmanager.ts'
import { impactResource } from './resources/impact.ts'
import { healthResources } from './resources/health.ts'
import { loginResources } from './resources/login.ts'
import { orderResource } from './resources/orders.ts'
import { pseudonymResource } from './resources/pseudonyms.ts'
import { ratesResource } from './resources/rates.ts'
import { respondersResource } from './resources/responders.ts'
import { routesResource } from './resources/routes.ts'
import { statusResources } from './resources/status.ts'
import { createSessions, type Caller, type Sessions } from './sessions.ts'

const BODY_BYTES_MAX = 131_072

/** For `http.createServer` and `https.createServer`: a request that trickles in holds no connection for long. */
export const CONTROL_SERVER_OPTIONS = {
  maxHeaderSize: 16_384,
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const

export function createControlServer(deps: ControlDeps): Express {
  const sessions = createSessions(deps.clock, deps.randomness, deps.settings)
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.set('query parser', 'simple')
  app.set('trust proxy', false)
  app.use(introduce(deps))
  app.use(refuseForeign(deps))
  const limit = createReadLimit(deps.clock, deps.addresses)
  for (const resource of resourcesOf(deps, sessions)) app.all(resource.path, ...answerers(resource, sessions, limit))
  app.use((_request, response) => {
    sendProblem(response, 'not-found', 'there is nothing here: GET /docs tells what there is')
  })
  app.use(refuseFaults(deps))
  return app
}

function resourcesOf(deps: ControlDeps, sessions: Sessions): readonly Resource[] {
  return [
    ...healthResources(deps),
    orderResource(deps),
    fleetOrderResource(deps),
    fleetPeopleResource(deps),
    ...statusResources(deps),
    ...loginResources(deps, sessions),
    respondersResource(deps),
    explainResource(deps),
    impactResource(deps),
    alertmanagerResource(deps),
    pseudonymResource(deps),
    ...auditLogResources(deps),
    auditProofResource(deps),
    ...auditSearchResources(deps),
    ...auditWhoseResources(deps),
    auditErasureResource(deps),
    eventResource(deps, (authorization) => callerOf(authorization, sessions)),
    ratesResource(deps),
    ...anomalyResources(deps),
    routesResource(deps),
    ...consoleResources(deps),
    ...docsResources(),
  ]
}

const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

function introduce({ randomness }: ControlDeps): RequestHandler {
  return (_request, response, next) => {
    response.setHeader('X-Request-Id', randomness.requestId())
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    next()
  }
}

/** Probes and scrapes come by any name, a service's or a pod's: they take no credential, name nobody and change nothing. */
const PROBES: readonly string[] = ['/healthz', '/readyz', '/metrics']

function refuseForeign({ settings }: ControlDeps): RequestHandler {
  return (request, response, next) => {
    if (PROBES.includes(request.path)) {
      next()
      return
    }
    const { host, origin } = request.headers
    const problem = checkHost({ host, origin, localAddress: request.socket.localAddress, names: settings().names })
    if (problem === 'host')
      sendProblem(
        response,
        'misdirected-request',
        'this control plane is not known by that name: ask for its address, or name it in the config',
      )
    else if (problem === 'origin') sendProblem(response, 'foreign-origin', 'a page of another site may not ask here')
    else next()
  }
}

/** Method, credential, body, in this order; then the resource itself. */
function answerers(resource: Resource, sessions: Sessions, limit: ReadLimit): readonly RequestHandler[] {
  const parseJson = express.json({ limit: BODY_BYTES_MAX, inflate: false, type: () => true })
  return [
    (request, response, next) => {
      if (methodOf(request, resource) !== undefined) {
        next()
        return
      }
      const allowed = Object.keys(resource.methods).flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
      response.setHeader('Allow', allowed.join(', '))
      sendProblem(response, 'method-not-allowed', `this takes ${allowed.join(', ')}`)
    },
    (request, response, next) => {
      if (resource.access === 'open' || mayRead(request, response, resource, sessions, limit)) next()
    },
    (request, response, next) => {
      if (methodOf(request, resource) === 'POST') parseBody(request, response, next, parseJson)
      else next()
    },
    (request, response) => {
      const method = methodOf(request, resource)
      const caller: Caller =
        resource.access === 'open'
          ? { kind: 'anyone' }
          : (callerOf(request.headers.authorization, sessions) ?? { kind: 'anyone' })
      return method === undefined ? undefined : resource.methods[method]?.(request, response, caller)
    },
  ]
}

function methodOf(request: Request, resource: Resource): Method | undefined {
  const method = request.method === 'HEAD' ? 'GET' : request.method
  return method === 'GET' || method === 'POST'
    ? resource.methods[method] === undefined
      ? undefined
      : method
    : undefined
}

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

function callerOf(authorization: string | undefined, sessions: Sessions): Caller | undefined {
  const token = BEARER.exec(authorization ?? '')?.[1]
  return token === undefined ? undefined : sessions.find(token)
}

/** Answers where not. Who brings nothing that opens is counted by address as well. */
function mayRead(
  request: Request,
  response: Response,
  { cost = 1 }: Resource,
  sessions: Sessions,
  limit: ReadLimit,
): boolean {
  const { authorization } = request.headers
  const caller = callerOf(authorization, sessions)
  const waitMs = cost === 0 ? 0 : limit.take(caller, request.socket.remoteAddress, caller === undefined ? 1 : cost)
  if (waitMs > 0) {
    const seconds = Math.ceil(waitMs / 1000)
    response.setHeader('Retry-After', String(seconds))
    const { count, periodMs } = READS
    const detail = `${caller?.kind === 'responder' ? 'this login' : 'this address'} reads too much: ${count} at once, then ${(count * 1000) / periodMs} a second; ask again in ${seconds} s. Orders are taken all the same.`
    sendProblem(response, 'too-many-requests', detail)
    return false
  }
  if (caller !== undefined) return true
  if (authorization === undefined)
    sendProblem(response, 'no-credential', 'reading takes the read token, or a session opened by POST /api/v1/login')
  else sendProblem(response, 'invalid-credential', 'the bearer token opens nothing, or no more')
  return false
}

const JSON_TYPE = /^application\/json *(?:; *charset="?utf-8"? *)?$/i

function parseBody(request: Request, response: Response, next: NextFunction, parseJson: RequestHandler): void {
  if (JSON_TYPE.test(request.headers['content-type'] ?? '')) void parseJson(request, response, next)
  else sendProblem(response, 'unsupported-media-type', 'the body must be application/json in UTF-8')
}

const BODY_FAULTS: Readonly<Record<string, readonly [ProblemCode, string]>> = {
  'entity.too.large': ['content-too-large', `a body has at most ${BODY_BYTES_MAX} bytes`],
  'entity.parse.failed': ['bad-request', 'the body is no JSON'],
  'encoding.unsupported': ['unsupported-media-type', 'the body must not be compressed'],
  'charset.unsupported': ['unsupported-media-type', 'the body must be in UTF-8'],
}

/** No stack, no message of a library ever reaches the caller. */
function refuseFaults({ logger }: ControlDeps): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    const fault = typeof error === 'object' && error !== null ? (error as Readonly<Record<string, unknown>>) : {}
    const known = typeof fault.type === 'string' ? BODY_FAULTS[fault.type] : undefined
    // Express then ends the connection: half an answer is not taken for a whole one.
    if (response.headersSent) next(error)
    else if (known !== undefined) sendProblem(response, ...known)
    else if (typeof fault.status === 'number' && fault.status >= 400 && fault.status < 500)
      sendProblem(response, 'bad-request', 'the request cannot be read')
    else {
      const instance = response.getHeader('X-Request-Id')
      logger.error('the control plane failed to answer', {
        instance,
        error: typeof fault.message === 'string' ? fault.message : 'unknown',
      })
      sendProblem(response, 'internal', 'the gateway could not answer; its log says why, under this instance')
    }
  }
}
