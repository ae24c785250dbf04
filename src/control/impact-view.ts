// What a lock would have refused, as the API shows it.
import { sizeOf } from '../core/distinct.ts'
import { IMPACT_WINDOW_MS, type Impact } from '../core/impact.ts'
import type { ImpactNumbers, ImpactView, ObservedView } from '../ports/control-api.ts'
import type { Counted, ImpactDesk, Observed } from './impact-desk.ts'
import { formatInstant } from './instants.ts'

export function impactView(
  { impact, answered, missing }: Counted,
  asked: Pick<ImpactView, 'scope' | 'mode' | 'covers'>,
  now: number,
): ImpactView {
  const seenMs = Math.min(IMPACT_WINDOW_MS, Math.max(0, now - impact.since))
  return {
    now: formatInstant(now),
    windowSeconds: IMPACT_WINDOW_MS / 1000,
    seenSeconds: Math.round(seenMs / 1000),
    ...asked,
    ...numbersOf(impact),
    routes: listOf(impact.routes).map(([route, requests]) => ({ route, requests })),
    busiestClients: listOf(impact.byClient).map(([client, requests]) => ({ client, requests })),
    probes: impact.probes.map(({ route, caller, requests, everyMs }) => ({
      ...{ route, caller, requests },
      ...(everyMs === 0 ? {} : { everySeconds: everyMs / 1000 }),
    })),
    callbacks: listOf(impact.callbacks).map(([route, requests]) => ({ route, requests })),
    perMinute: impact.minutes,
    open: impact.open,
    gateways: answered,
    missing,
  }
}

export function numbersOf(impact: Impact): ImpactNumbers {
  return {
    requests: impact.requests,
    sessions: sizeOf(impact.sessions),
    clients: sizeOf(impact.clients),
    subjects: sizeOf(impact.subjects),
    addresses: sizeOf(impact.addresses),
    isSampled: impact.isSampled,
  }
}

/** Of this gateway alone. */
export function observedView({ since, until, isFinal, predicted, came }: Observed): ObservedView {
  return {
    since: formatInstant(since),
    until: formatInstant(until),
    isFinal,
    came: numbersOf(came),
    ...(predicted === undefined ? {} : { predicted: numbersOf(predicted) }),
  }
}

export function fleetObservedView(
  observed: NonNullable<Awaited<ReturnType<ImpactDesk['askObserved']>>>,
): ObservedView & { readonly lock: string; readonly missing: readonly string[] } {
  const { lock, since, until, isFinal, predicted, came } = observed
  return {
    lock,
    since: formatInstant(since),
    until: formatInstant(until),
    isFinal,
    came: numbersOf(came.impact),
    missing: came.missing,
    ...(predicted === undefined ? {} : { predicted: numbersOf(predicted.impact) }),
  }
}

function listOf(counts: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.entries(counts).toSorted(([, a], [, b]) => b - a)
}
