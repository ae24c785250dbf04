// A gateway without a data plane serves nobody: it signs which table it keeps, so that the fleet can wait for it like for any other.
import { createWorkerKey, vouch } from '../audit/worker-proof.ts'
import type { Clock } from '../ports/clock.ts'
import type { DataPlane } from '../ports/data-plane.ts'
import type { Signer } from '../ports/signer.ts'
import { signShown } from './sign-shown.ts'

/** Its one worker, that takes no requests. */
const NAME = 'control'

export function createNoDataPlane(signer: Signer, clock: Clock): DataPlane {
  const key = createWorkerKey()
  const head = vouch(signer, NAME, key.key)
  let table = { epoch: 0, hash: '' }
  return {
    enforce({ epoch, hash = '' }) {
      table = { epoch, hash }
      return Promise.resolve([])
    },
    prove(request) {
      const identity = { gateway: signer.name, worker: NAME, workers: [NAME], at: clock.now() }
      const signed = signShown(key, identity, table, { ...request, routes: [] }, [])
      return Promise.resolve([{ worker: NAME, epoch: table.epoch, canaries: [], text: `${head}.${signed}` }])
    },
    workers: [],
    leaseRemainingMs: 0,
  }
}
