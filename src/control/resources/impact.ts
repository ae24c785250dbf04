// POST /api/v1/impact: what a lock of this scope would have refused in the last fifteen minutes, or what an observing one has met.
import type { Request } from 'express'
import { coveredRoutes } from '../../core/lock-table.ts'
import { IMPACT_MODES, type ImpactMode } from '../../core/impact.ts'
import { scopeProblems } from '../../core/judge-order.ts'
import { Reader } from '../../core/order-reader.ts'
import { parseScope } from '../../core/order-scope.ts'
import type { LockScope } from '../../core/scope.ts'
import type { ControlDeps } from '../control-deps.ts'
import { fleetObservedView, impactView } from '../impact-view.ts'
import { sendProblem } from '../problem.ts'
import { bodyField, sendJson, type Answer, type Resource } from '../resource.ts'

export function impactResource(deps: ControlDeps): Resource {
  return { path: '/api/v1/impact', access: 'read', cost: 10, methods: { POST: impact(deps) } }
}

function impact(deps: ControlDeps): Answer {
  return async (request, response) => {
    if (deps.impact === undefined) {
      sendProblem(response, 'not-found', 'nothing remembers here what came')
      return
    }
    const wanted = parseWanted(request, deps)
    if ('problems' in wanted) {
      sendProblem(response, 'bad-request', wanted.problems.join('; '), { problems: wanted.problems })
      return
    }
    if ('lock' in wanted) {
      const observed = await deps.impact.askObserved(wanted.lock)
      if (observed === undefined)
        sendProblem(
          response,
          'not-found',
          'no lock with this id observes here: it takes a lock in mode observe, by its id or the first 12 characters of it or more',
        )
      else sendJson(response, 200, fleetObservedView(observed))
      return
    }
    const counted = await deps.impact.ask(wanted)
    const covers = coveredRoutes(wanted, deps.settings().routes)
    sendJson(response, 200, impactView(counted, { ...wanted, covers }, deps.clock.now()))
  }
}

type Wanted = { readonly scope: LockScope; readonly mode: ImpactMode } | { readonly lock: string }

const MODES: Readonly<Record<string, ImpactMode>> = {
  ...Object.fromEntries(IMPACT_MODES.map((mode) => [mode, mode])),
  observe: 'deny',
}

function parseWanted(request: Request, deps: ControlDeps): Wanted | { readonly problems: readonly string[] } {
  const body: unknown = request.body
  const reader = new Reader(typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}, '')
  const lock = bodyField(request, 'lock')
  if (lock !== undefined) {
    if (typeof lock === 'string' && bodyField(request, 'scope') === undefined) return { lock }
    return { problems: ['say a scope, or the id of a lock: one of the two'] }
  }
  reader.known(['scope', 'mode'])
  const scope = parseScope(reader)
  const named = bodyField(request, 'mode') ?? 'deny'
  const mode = typeof named === 'string' && Object.hasOwn(MODES, named) ? MODES[named] : undefined
  if (mode === undefined)
    reader.problem('mode', 'must be deny, read-only, step-up or observe: what throttle refuses hangs on what comes')
  const problems = [
    ...reader.problems,
    ...(reader.problems.length > 0 ? [] : scopeProblems(scope, deps.settings().routes, deps.fleet?.elsewhere())),
  ]
  return problems.length > 0 || mode === undefined ? { problems } : { scope, mode }
}
