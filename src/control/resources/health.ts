// Probes and metrics: no credentials, and no lock ever changes their answer.
import type { ControlDeps } from '../control-deps.ts'
import { sendJson, type Resource } from '../resource.ts'

export function healthResources({ readiness, metrics, fleet }: ControlDeps): readonly Resource[] {
  return [
    {
      path: '/healthz',
      access: 'open',
      methods: {
        GET: (_request, response) => {
          // Whoever signs an order needs the fleet's name for its `aud`, before they have a session.
          sendJson(response, 200, { status: 'alive', ...(fleet === undefined ? {} : { fleet: fleet.deps.fleet }) })
        },
      },
    },
    {
      path: '/readyz',
      access: 'open',
      methods: {
        GET: (_request, response) => {
          const found = readiness()
          sendJson(response, found.ready ? 200 : 503, found)
        },
      },
    },
    {
      path: '/metrics',
      access: 'open',
      methods: {
        GET: async (_request, response) => {
          const { contentType, body } = await metrics()
          response.setHeader('Content-Type', contentType)
          response.end(body)
        },
      },
    },
  ]
}
