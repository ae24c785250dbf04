// Hears the control plane for as long as somebody is signed in, and says how old the last word is when it falls silent.
import type { AnomalyRecord } from '../../src/core/audit-record.ts'
import type { LockView, OrderAccepted, StatusView } from '../../src/ports/control-api.ts'
import type {
  CohortsEvent,
  ChangeView,
  DecisionsEvent,
  FleetProofEvent,
  RatesView,
  RateSecond,
} from '../../src/ports/live-views.ts'
import { ask, gatewayNow, readEvents, Refused, type ServerEvent } from './api.ts'
import { signOut } from './session.ts'
import { decisions, DECISIONS_KEPT, state, type Happening } from './state.ts'

const SECONDS_KEPT = 900
const MOMENTS_KEPT = 200
const CHANGES_KEPT = 200
const POLL_MS = 2000
const RETRY_MS = 1500

let leaving: AbortController | undefined

export function leave(): void {
  leaving?.abort()
  leaving = undefined
  state.set({ connection: 'off', cohorts: undefined })
  decisions.list = []
}

/** Anew, where it was listening already. */
export function listen(): void {
  leaving?.abort()
  const mine = new AbortController()
  leaving = mine
  state.set({ connection: state.get().status === undefined ? 'connecting' : 'live' })
  void follow(mine.signal)
  void poll(mine.signal)
  void loadRates()
}

async function follow(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let waitMs: number | undefined
    try {
      await readEvents(hear, signal)
    } catch (error) {
      if (error instanceof Refused) {
        if (error.status === 401) {
          signOut('refused')
          return
        }
        waitMs = error.retryAfterMs
      }
    }
    if (signal.aborted) return
    fellSilent(waitMs)
    await new Promise((resolve) => setTimeout(resolve, waitMs ?? RETRY_MS))
  }
}

/** The status has clocks in it that no event tells: leases, ages, who was heard. */
async function poll(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const answer = await ask<StatusView>('status', undefined, { signal })
    if (signal.aborted) return
    if (answer.ok) stands(answer.body)
    else if (answer.problem.status === 401) {
      signOut('refused')
      return
    } else fellSilent(answer.problem.retryAfterMs)
    const waitMs = answer.ok ? 0 : (answer.problem.retryAfterMs ?? 0)
    await new Promise((resolve) => setTimeout(resolve, Math.max(POLL_MS, waitMs)))
  }
}

/** At once, after something was done from here. */
export async function refresh(): Promise<void> {
  const answer = await ask<StatusView>('status')
  if (answer.ok) stands(answer.body)
}

/** What is said of the state itself: only this makes it fresh again. */
function stands(status: StatusView): void {
  state.set({ status, heardAt: performance.now(), connection: 'live' })
}

function fellSilent(limitedMs: number | undefined): void {
  state.set({ connection: limitedMs === undefined ? 'lost' : 'limited' })
}

/** By the stream. */
function heard(change: Partial<ReturnType<typeof state.get>>): void {
  state.set({ ...change, streamAt: performance.now() })
}

async function loadRates(): Promise<void> {
  const answer = await ask<RatesView>('rates')
  if (answer.ok) state.set({ seconds: answer.body.seconds.slice(-SECONDS_KEPT), changes: answer.body.changes })
}

function hear({ event, data }: ServerEvent): void {
  switch (event) {
    case 'status':
      stands(data as StatusView)
      heard({})
      return
    case 'counters':
      heard({ seconds: [...state.get().seconds, data as RateSecond].slice(-SECONDS_KEPT) })
      return
    case 'decisions':
      takeDecisions(data as DecisionsEvent)
      return
    case 'cohorts':
      heard({ cohorts: data as CohortsEvent })
      return
    case 'fleet-proof':
      takeArrival(data as FleetProofEvent)
      return
    case 'lock': {
      const { locks } = data as { readonly locks: readonly LockView[] }
      remember({ kind: 'lock', locks })
      void refresh()
      return
    }
    case 'release':
      remember({ kind: 'release', locks: (data as { readonly locks: readonly string[] }).locks })
      void refresh()
      return
    case 'proof':
      takeProof(data as ProofEvent)
      return
    case 'change':
      takeChange(data as ChangeView)
      return
    case 'anomaly':
      remember({ kind: 'anomaly', ...(data as Pick<AnomalyRecord, 'detector' | 'sentence'>) })
      dispatchEvent(new CustomEvent('portcullis:anomaly', { detail: data }))
      return
    default:
      heard({})
  }
}

type ProofEvent = NonNullable<OrderAccepted['proof']> & { readonly id: string; readonly epoch: number }

function takeDecisions({ decisions: told, untold }: DecisionsEvent): void {
  decisions.seen += told.length + untold
  decisions.untold += untold
  decisions.list = [...told.toReversed(), ...decisions.list].slice(0, DECISIONS_KEPT)
  heard({})
}

function takeArrival({ id, gateway, elapsedMs, total }: FleetProofEvent): void {
  const { proof } = state.get()
  if (proof?.id === id && !proof.arrivals.some((each) => each.gateway === gateway))
    heard({ proof: { ...proof, total, arrivals: [...proof.arrivals, { gateway, elapsedMs }] } })
}

function takeProof({ id, epoch, proven, missing, elapsedMs }: ProofEvent): void {
  if (missing.length === 0) remember({ kind: 'proof', epoch, names: proven, elapsedMs })
  const { proof, status } = state.get()
  // In a fleet the arrivals tell it, gateway by gateway.
  if (proof?.id !== id || status?.fleet.name !== undefined) return
  const arrivals = proven.map((worker) => ({ gateway: worker, elapsedMs }))
  heard({ proof: { ...proof, arrivals, total: proven.length + missing.length } })
}

function takeChange(change: ChangeView): void {
  state.set({ changes: [...state.get().changes, change].slice(-CHANGES_KEPT) })
  remember({ kind: 'change', change })
}

function remember(happening: Happening): void {
  const moment = { ...happening, at: gatewayNow() }
  heard({ moments: [moment, ...state.get().moments].slice(0, MOMENTS_KEPT) })
}
