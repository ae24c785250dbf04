// POST /api/v1/alertmanager: the receiver of Alertmanager's webhook. It may suggest and observe; it holds no key, so it cannot lock.
import { createHash, timingSafeEqual } from 'node:crypto'
import { parseAlerts } from '../../core/suggestion.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Resource } from '../resource.ts'

export function alertmanagerResource({ suggestions, settings, logger }: ControlDeps): Resource {
  return {
    path: '/api/v1/alertmanager',
    // Its token is its own: it reads nothing, and the read token suggests nothing.
    access: 'open',
    methods: {
      POST: (request, response) => {
        const { alertTokenSha256 } = settings()
        if (suggestions === undefined || alertTokenSha256 === undefined) {
          sendProblem(response, 'not-found', 'no receiver for alerts is configured: control.alertmanager')
          return
        }
        const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
        if (token === undefined || !isToken(token, alertTokenSha256)) {
          sendProblem(
            response,
            token === undefined ? 'no-credential' : 'invalid-credential',
            'alerts come with the bearer token of control.alertmanager.token',
          )
          return
        }
        const alerts = parseAlerts(request.body)
        if (alerts === undefined) {
          sendProblem(response, 'bad-request', "the body must be a message of Alertmanager's webhook, version 4")
          return
        }
        const taken = suggestions.take(alerts)
        for (const { id, alert, action } of taken) logger.warn('an alert suggests a lock', { id, alert, action })
        sendJson(response, 200, { suggested: taken.map(({ id }) => id) })
      },
    },
  }
}

function isToken(token: string, sha256: string): boolean {
  return timingSafeEqual(createHash('sha256').update(token).digest(), Buffer.from(sha256, 'hex'))
}
