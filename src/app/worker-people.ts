// The detectors of people in a data-plane thread: the memory that it shares, and where what they count and find goes.
import { readPlaces } from '../adapters/ipaddr/places.ts'
import { createPseudonyms, peopleSeedOf } from '../adapters/node/pseudonyms.ts'
import type { AnomalyRecord } from '../core/audit-record.ts'
import { createTeller, type PeopleGuard } from '../gateway/people-guard.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import { createDeltaBuffer } from '../throttle/deltas.ts'
import { createEngine } from '../throttle/engine.ts'
import { peopleSettingsOf } from './people-settings.ts'
import type { WorkerStart } from './worker-start.ts'

/** What is counted here is told to the fleet so often. */
const TELL_EVERY_MS = 200

interface WorkerPeopleNeeds {
  readonly trail: Pick<AuditTrail, 'append'>
  readonly clock: Clock
  /** To the main thread. */
  readonly post: (message: Told, transfer?: readonly ArrayBuffer[]) => void
}

type Told =
  | { readonly type: 'anomaly'; readonly anomaly: AnomalyRecord }
  | { readonly type: 'counted'; readonly deltas: Int32Array<ArrayBuffer> }

export function openPeople(
  { config, people, thread, pseudonymKey }: WorkerStart,
  { trail, clock, post }: WorkerPeopleNeeds,
): PeopleGuard {
  // Without a fleet nobody else counts.
  const deltas = config.store.redis === undefined ? undefined : createDeltaBuffer()
  if (deltas !== undefined)
    setInterval(() => {
      const taken = deltas.take()
      if (taken !== undefined) post({ type: 'counted', deltas: taken }, [taken.buffer])
    }, TELL_EVERY_MS).unref()
  return {
    settings: peopleSettingsOf(config, createPseudonyms(pseudonymKey)),
    engine: createEngine(people.memory, thread, deltas?.push),
    seed: peopleSeedOf(pseudonymKey),
    epochSeconds: people.epochSeconds,
    ...(config.throttle?.placesFile === undefined ? {} : { placeOf: readPlaces(config.throttle.placesFile) }),
    tell: createTeller(
      (anomaly) => {
        trail.append(anomaly)
        post({ type: 'anomaly', anomaly })
      },
      () => clock.now(),
    ),
  }
}
