// A session for reading, opened by a signed login: a JWS of its own type, bound to this control plane and to one nonce.
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { bodyField, sendJson, type Answer, type Resource } from '../resource.ts'
import { NONCE_MS, SESSION_MS, type Sessions } from '../sessions.ts'

const LOGIN_TYP = 'portcullis-login+jwt'

export function loginResources(deps: ControlDeps, sessions: Sessions): readonly Resource[] {
  const nonce: Answer = (_request, response) => {
    sendJson(response, 200, { nonce: sessions.nonce(), expiresInSeconds: NONCE_MS / 1000 })
  }
  return [
    { path: '/api/v1/login/nonce', access: 'open', methods: { GET: nonce } },
    { path: '/api/v1/login', access: 'open', methods: { POST: login(deps, sessions) } },
    { path: '/api/v1/logout', access: 'read', cost: 0, methods: { POST: logout(sessions) } },
  ]
}

/** Ends the session whose token is shown; the read token is no session. */
function logout(sessions: Sessions): Answer {
  return (request, response) => {
    sessions.close(request.headers.authorization?.split(' ').at(-1) ?? '')
    response.status(204).end()
  }
}

function login({ verifier, settings, clock, logger }: ControlDeps, sessions: Sessions): Answer {
  return async (request, response) => {
    const jws = bodyField(request, 'login')
    if (typeof jws !== 'string') {
      sendProblem(response, 'bad-request', 'the body must be { "login": "<compact JWS>" }')
      return
    }
    const verified = await verifier.verify(jws, LOGIN_TYP, settings().responders)
    if ('refused' in verified) {
      sendProblem(response, verified.refused === 'malformed' ? 'bad-request' : 'order-unknown-signer', verified.detail)
      return
    }
    const { by, payload } = verified
    const problem = sessions.checkLogin(payload, by, request.headers.host ?? '')
    if (problem !== undefined) {
      sendProblem(response, 'invalid-credential', problem, { now: Math.floor(clock.now() / 1000) })
      return
    }
    logger.info('a responder has opened a session', { by: by.name })
    sendJson(response, 200, {
      token: sessions.open(by),
      expiresInSeconds: SESSION_MS / 1000,
      name: by.name,
      role: by.role,
    })
  }
}
