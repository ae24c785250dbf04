// A worker's statement of what it has shown, signed: by a data-plane thread, or by the main thread of a gateway that has none.
import type { WorkerKey } from '../audit/worker-proof.ts'
import { canonicalJson } from '../core/canonical-json.ts'
import type { CanaryResult, WorkerStatement } from '../core/worker-statement.ts'
import type { ProveRequest } from '../ports/data-plane.ts'

/** `<payload>.<signature>`. */
export function signShown(
  key: WorkerKey,
  identity: Pick<WorkerStatement, 'gateway' | 'worker' | 'workers' | 'at' | 'residual'>,
  table: { readonly epoch: number; readonly hash: string },
  { orders, routes, clock }: ProveRequest,
  canaries: readonly CanaryResult[],
): string {
  const statement: WorkerStatement = {
    ...identity,
    at: Math.round(identity.at),
    orders,
    epoch: table.epoch,
    table: table.hash,
    proof: routes.length === 0 ? 'table' : 'canary',
    canaries: canaries.map(({ route, status, refused, stands }) => ({ route, status, refused, stands })),
    ...(clock === undefined ? {} : { clock }),
  }
  return key.sign(canonicalJson(statement))
}
