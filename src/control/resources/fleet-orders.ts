// POST /api/v1/fleet/orders: orders that another gateway has accepted, past a store that is away. Each proves itself.
import { ENTRIES_MAX } from '../../core/fleet-limits.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { bodyField, sendJson, type Resource } from '../resource.ts'

export function fleetOrderResource({ fleet }: ControlDeps): Resource {
  return {
    path: '/api/v1/fleet/orders',
    access: 'open',
    methods: {
      POST: async (request, response) => {
        if (fleet === undefined) {
          sendProblem(response, 'not-found', 'this gateway is in no fleet: its store is embedded')
          return
        }
        const entries = bodyField(request, 'entries')
        if (!Array.isArray(entries) || entries.length > ENTRIES_MAX || !entries.every(isText)) {
          sendProblem(response, 'bad-request', `the body must be { "entries": [...] }, ${ENTRIES_MAX} texts at most`)
          return
        }
        await fleet.take(entries, 'peer')
        // Nothing of what was thought of them: who sent them is nobody in particular.
        sendJson(response, 200, { taken: entries.length })
      },
    },
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
