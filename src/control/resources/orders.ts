// POST /api/v1/orders: the one way in over the network. The order's own signature is the credential.
import type { Request, Response } from 'express'
import type { OrderRefusal } from '../../core/order-refusal.ts'
import { parseDuration } from '../../core/time.ts'
import type { FleetProofView, OrderAccepted, ReleasePending } from '../../ports/control-api.ts'
import type { ControlDeps } from '../control-deps.ts'
import { proofWithin } from '../fleet/views.ts'
import type { OrderResult } from '../order-desk.ts'
import { sendProblem, type ProblemCode } from '../problem.ts'
import type { ProofView } from '../prover.ts'
import { bodyField, sendJson, type Resource } from '../resource.ts'
import { valueWithin } from '../within.ts'

const WAIT_MAX_MS = 30_000

export function orderResource(deps: ControlDeps): Resource {
  return {
    path: '/api/v1/orders',
    access: 'open',
    methods: {
      POST: async (request, response) => {
        const waitMs = parseWait(request)
        if (waitMs === undefined) {
          sendProblem(response, 'bad-request', 'wait must be a duration of up to 30s, such as "2s"')
          return
        }
        const jws = bodyField(request, 'order')
        if (typeof jws !== 'string') {
          sendProblem(response, 'bad-request', 'the body must be { "order": "<compact JWS>" }')
          return
        }
        await answer(deps, response, await deps.desk.submit(jws, 'api'), waitMs)
      },
    },
  }
}

/** Zero where the answer waits for no proof; undefined where it is no duration that it can wait for. */
function parseWait({ query }: Request): number | undefined {
  const { wait } = query
  if (wait === undefined) return 0
  const waitMs = typeof wait === 'string' ? parseDuration(wait) : undefined
  return waitMs === undefined || waitMs > WAIT_MAX_MS ? undefined : waitMs
}

async function answer(deps: ControlDeps, response: Response, result: OrderResult, waitMs: number): Promise<void> {
  switch (result.outcome) {
    case 'accepted': {
      const { id, epoch, covers, durable } = result
      const proof = waitMs === 0 ? {} : { proof: await proofOf(deps, result, waitMs) }
      sendJson(response, 201, { id, epoch, covers, durable, ...proof } satisfies OrderAccepted)
      return
    }
    case 'pending': {
      const { id, approvals, required } = result
      sendJson(response, 202, { id, approvals, required } satisfies ReleasePending)
      return
    }
    case 'unavailable':
      sendProblem(response, 'order-not-durable', result.problems.join('; '), { problems: result.problems })
      return
    case 'refused':
      refuse(response, result)
  }
}

async function proofOf(
  deps: ControlDeps,
  { id, proof }: Extract<OrderResult, { outcome: 'accepted' }>,
  waitMs: number,
): Promise<ProofView | FleetProofView> {
  if (deps.fleet !== undefined) return proofWithin(deps.fleet, id, waitMs)
  return valueWithin(proof, waitMs, unproven(deps, waitMs))
}

function unproven({ dataPlane }: ControlDeps, elapsedMs: number): ProofView {
  return { proven: [], missing: dataPlane.workers.map(({ worker }) => worker), elapsedMs }
}

const CODES = {
  bad: 'order-malformed',
  'unknown-signer': 'order-unknown-signer',
  role: 'order-role',
  conflict: 'order-conflict',
} as const satisfies Record<OrderRefusal['refused'], ProblemCode>

function refuse(response: Response, { refused, problems, first, now }: OrderRefusal): void {
  const clock = now === undefined ? {} : { now }
  sendProblem(response, CODES[refused], problems.join('; '), { problems, ...first, ...clock })
}
