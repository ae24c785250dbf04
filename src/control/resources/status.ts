// What stands: status, locks, certificates.
import type { Certificate } from '../../ports/control-api.ts'
import { tableOf } from '../../core/ledger.ts'
import { NO_RESIDUAL } from '../../core/residual.ts'
import { canonicalJson } from '../../core/canonical-json.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import type { ProvenEpoch } from '../prover.ts'
import { sendJson, type Answer, type Resource } from '../resource.ts'
import { fleetCertificate } from '../fleet/views.ts'
import { formatInstant } from '../instants.ts'
import { locksInForce, lockView, statusView } from '../views.ts'

export function statusResources(deps: ControlDeps): readonly Resource[] {
  const status: Answer = async (_request, response) => {
    await deps.fleet?.look.refresh()
    sendJson(response, 200, statusView(deps))
  }
  const locks: Answer = (_request, response) => {
    const { ledger } = deps.desk
    sendJson(response, 200, {
      epoch: ledger.epoch,
      locks: locksInForce(ledger, deps.clock.now()).map((each) => lockView(deps, each)),
    })
  }
  return [
    { path: '/api/v1/status', access: 'read', methods: { GET: status } },
    { path: '/api/v1/locks', access: 'read', methods: { GET: locks } },
    { path: '/api/v1/locks/:id', access: 'read', methods: { GET: oneLock(deps) } },
    { path: '/api/v1/certificates/:epoch', access: 'read', methods: { GET: certificate(deps) } },
  ]
}

function oneLock(deps: ControlDeps): Answer {
  return (request, response) => {
    const { ledger } = deps.desk
    const { id = '' } = request.params
    const lock = tableOf(ledger).locks.find((each) => each.id === id)
    if (lock !== undefined) sendJson(response, 200, lockView(deps, lock))
    else
      sendProblem(
        response,
        'not-found',
        typeof id === 'string' && ledger.released.has(id) ? 'the lock has been released' : 'there is no such lock',
      )
  }
}

/** The signature is Ed25519 over the canonical JSON of the other fields, by the gateway's own key. */
function certificate(deps: ControlDeps): Answer {
  return async (request, response) => {
    const { epoch: text } = request.params
    const epoch = typeof text === 'string' && /^\d{1,15}$/.test(text) ? Number(text) : undefined
    const proven = epoch === undefined ? undefined : deps.desk.certificate(epoch)
    const fleet =
      epoch === undefined || deps.fleet === undefined ? undefined : await fleetCertificate(deps.fleet, epoch)
    if (epoch === undefined || (proven === undefined && fleet === undefined)) {
      sendProblem(
        response,
        'not-found',
        'no certificate is kept of this epoch: it locked nothing that a canary can show, or is too long ago',
      )
      return
    }
    const unsigned = {
      epoch,
      gateway: deps.gatewayName,
      key: Buffer.from(deps.signer.publicKeyRaw).toString('base64url'),
      ...ownPart(deps, proven),
      // Those that were proven: a proposal or a word about an incident is answered with the epoch that stands, too.
      orders: orderTexts(deps, fleet?.orders ?? proven?.orders ?? []),
      ...(fleet === undefined ? {} : { fleet }),
    }
    const signature = Buffer.from(deps.signer.sign(Buffer.from(canonicalJson(unsigned)))).toString('base64url')
    sendJson(response, 200, { ...unsigned, signature } satisfies Certificate)
  }
}

/** As they were signed, so that whoever has the certificate can see what was ordered. */
function orderTexts({ desk }: ControlDeps, ids: readonly string[]): readonly string[] {
  return ids.flatMap((id) => desk.orderText(id) ?? [])
}

/** What this gateway's own workers have shown. */
function ownPart(
  { clock }: ControlDeps,
  proven: ProvenEpoch | undefined,
): Pick<Certificate, 'time' | 'proofs' | 'residual' | 'workers'> {
  if (proven === undefined) return { time: formatInstant(clock.now()), proofs: [], residual: NO_RESIDUAL, workers: [] }
  const { time, proofs, residual, texts } = proven
  return { time: formatInstant(time), proofs, residual, workers: texts }
}
