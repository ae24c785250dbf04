// Decisions second by second, of this gateway's own workers: what a page draws before it has listened for long.
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Resource } from '../resource.ts'

export function ratesResource({ rates }: ControlDeps): Resource {
  return {
    path: '/api/v1/rates',
    access: 'read',
    methods: {
      GET: (_request, response) => {
        if (rates === undefined) sendProblem(response, 'not-found', 'this member of the fleet has no data plane')
        else sendJson(response, 200, rates.view)
      },
    },
  }
}
