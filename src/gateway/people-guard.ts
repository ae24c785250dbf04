// What the detectors of people go by in a worker, and how their findings are passed on.
import type { AnomalyRecord } from '../core/audit-record.ts'
import type { PlaceOf } from '../ports/places.ts'
import type { Engine } from '../throttle/engine.ts'
import type { Budget } from '../throttle/facts.ts'

/** What an operator has let pass: of one detector, for one account, client or address. */
export type Exemptions = ReadonlySet<string>

export interface PeopleSettings {
  /** Pseudonyms of people whom no one has reason to read. */
  readonly honey: ReadonlySet<string>
  /** By `azp`. */
  readonly clients: ReadonlyMap<string, readonly Budget[]>
  /** In place of what is built in, by what a caller is; absent: nothing is learned, or it is only shown. */
  readonly learned: { readonly session: readonly Budget[]; readonly address: readonly Budget[] } | undefined
  readonly exemptions: Exemptions
}

export interface PeopleGuard {
  /** Replaced as a whole by a reload, by learning and by exemptions. */
  settings: PeopleSettings
  readonly engine: Engine
  readonly seed: number
  /** What makes seconds of the monotonic clock those since 1970, as near as the clock knew when the gateway started. */
  readonly epochSeconds: number
  /** Absent: nobody asks where an address is. */
  readonly placeOf?: PlaceOf
  /** A finding is told once a minute for each caller and detector. */
  readonly tell: (anomaly: AnomalyRecord) => void
}

/** Passes on a finding of one caller and detector once a minute, a hundred a second at most: a flood must not fill the trail. */
export function createTeller(pass: (anomaly: AnomalyRecord) => void, now: () => number): PeopleGuard['tell'] {
  const told = new Map<string, number>()
  let second = 0
  let passed = 0
  return (anomaly) => {
    const time = now()
    const name = `${anomaly.detector}\0${anomaly.answer}\0${anomaly.session ?? anomaly.client}`
    if ((told.get(name) ?? -Infinity) > time - 60_000) return
    if (Math.floor(time / 1000) !== second) {
      second = Math.floor(time / 1000)
      passed = 0
    }
    if (++passed > 100) return
    if (told.size > 10_000) told.clear()
    told.set(name, time)
    pass(anomaly)
  }
}
