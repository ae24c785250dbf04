// Orders out of this page: signed here, sent, and followed until every gateway has proven them.
import type { OrderAccepted, ReleasePending } from '../../src/ports/control-api.ts'
import { encode } from './base64url.ts'
import { ask, gatewayNow, type Problem } from './api.ts'
import { refresh } from './listen.ts'
import { ownKey } from './session.ts'
import { signCompact } from './sign.ts'
import { state, type ProofProgress } from './state.ts'

const ORDER_TYP = 'portcullis-order+jwt'
const WAIT = '10s'

export type Given =
  | { readonly outcome: 'accepted'; readonly accepted: OrderAccepted }
  | { readonly outcome: 'pending'; readonly pending: ReleasePending }
  | { readonly outcome: 'refused'; readonly problem: Problem }

export type OrderKind = 'lock' | 'release' | 'approve' | 'revoke' | 'drill' | 'incident'

/** Never rejects. The proof is told to the page's state as it comes. */
export async function give(order: { readonly kind: OrderKind } & Readonly<Record<string, unknown>>): Promise<Given> {
  const key = await ownKey()
  if (key === undefined) return refused('no-key', '')
  const { status } = state.get()
  const aud = status?.fleet.name === undefined ? {} : { aud: status.fleet.name }
  let jws: string
  try {
    jws = await signCompact(key, ORDER_TYP, { ...aud, order }, gatewayNow())
  } catch (error) {
    return refused('not-signed', error instanceof Error ? error.message : String(error))
  }
  const id = await idOf(jws)
  const what = order.kind === 'approve' ? 'release' : order.kind
  if (what !== 'incident')
    state.set({ proof: { id, what, epoch: 0, arrivals: [], total: status?.fleet.total ?? 0 } satisfies ProofProgress })
  // What locks nothing has no proof to wait for.
  const path = what === 'incident' ? 'orders' : `orders?wait=${WAIT}`
  const answer = await ask<OrderAccepted | ReleasePending>(path, { order: jws })
  void refresh()
  if (!answer.ok) {
    state.set({ proof: undefined })
    return { outcome: 'refused', problem: answer.problem }
  }
  if (!('epoch' in answer.body)) {
    state.set({ proof: undefined })
    return { outcome: 'pending', pending: answer.body }
  }
  finish(answer.body)
  return { outcome: 'accepted', accepted: answer.body }
}

const ANOMALY_TYP = 'portcullis-anomaly+jwt'

interface AnomalyAnswer {
  readonly anomaly: string
  readonly action: 'accept' | 'snooze' | 'exempt'
  /** Of a snooze or an exemption. */
  readonly ttl: string
  readonly reason: string
}

/** Answers a finding: signed, and in the trail. What is wrong, or undefined. */
export async function answerAnomaly({ ttl, ...answer }: AnomalyAnswer): Promise<Problem | undefined> {
  const key = await ownKey()
  if (key === undefined) return { status: 0, code: 'no-key', detail: '' }
  const claims = answer.action === 'accept' ? answer : { ...answer, ttl }
  try {
    const signed = await signCompact(key, ANOMALY_TYP, claims, gatewayNow())
    const answer = await ask('anomalies/answers', { answer: signed })
    return answer.ok ? undefined : answer.problem
  } catch (error) {
    return { status: 0, code: 'not-signed', detail: error instanceof Error ? error.message : String(error) }
  }
}

function finish({ id, epoch, proof }: OrderAccepted): void {
  const progress = state.get().proof
  if (progress?.id !== id || proof === undefined) return
  const total = proof.gateways?.total ?? proof.proven.length + proof.missing.length
  const arrivals =
    progress.arrivals.length > 0
      ? progress.arrivals
      : [...new Set(proof.proven)].map((gateway) => ({ gateway, elapsedMs: proof.elapsedMs }))
  state.set({
    proof: { ...progress, epoch, total, arrivals, done: { elapsedMs: proof.elapsedMs, missing: proof.missing } },
  })
}

function refused(code: string, detail: string): Given {
  return { outcome: 'refused', problem: { status: 0, code, detail } }
}

/** As every gateway computes it: nobody can give an order another id. */
async function idOf(jws: string): Promise<string> {
  const input = new TextEncoder().encode(jws.slice(0, jws.lastIndexOf('.')))
  return encode(new Uint8Array(await crypto.subtle.digest('SHA-256', input)))
}
