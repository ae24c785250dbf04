// S10 (OAT-019 account takeover): one account at two places that nobody travels between in the time. An alert, never an answer: a phone's
// network, a proxy or a wrong line of the table looks the same.
import { createCellMemory, createCells, type CellMemory } from './cells.ts'
import type { Facts } from './facts.ts'
import type { Finding } from './finding.ts'

/** Degrees, north and east. */
export interface Place {
  readonly latitude: number
  readonly longitude: number
}

const NAME = 'impossible-travel'
const FAR_KM = 1_000
/** Faster than an airliner with its way to the airport. */
const FAST_KM_H = 1_000
const DAY_SECONDS = 86_400
const EARTH_KM = 6_371
/** Degrees are kept in hundredths: a kilometre. */
const UNIT = 100
const SINCE = 2

export function createTravelMemory(cells: number): CellMemory {
  return createCellMemory({ cells, words: 3, ttlSeconds: DAY_SECONDS })
}

export interface ImpossibleTravel {
  /** Of who has a session: an address alone has one place. */
  judge(facts: Facts, place: Place | undefined): Finding | undefined
}

export function createImpossibleTravel(memory: CellMemory, thread: number): ImpossibleTravel {
  const cells = createCells(memory, thread)
  const { words } = cells
  return {
    judge({ account, session, second }, place) {
      if (place === undefined || session === undefined) return undefined
      return cells.with(account, second, (at): Finding | undefined => {
        const since = words[at + SINCE] ?? 0
        const before = { latitude: (words[at] ?? 0) / UNIT, longitude: (words[at + 1] ?? 0) / UNIT }
        words[at] = Math.round(place.latitude * UNIT)
        words[at + 1] = Math.round(place.longitude * UNIT)
        words[at + SINCE] = second
        if (since === 0) return undefined
        const km = distanceKm(before, place)
        const minutes = Math.max(1, Math.round((second - since) / 60))
        if (km < FAR_KM || km / (minutes / 60) < FAST_KM_H) return undefined
        return {
          ...{ detector: NAME, answer: 'observe', threat: 'OAT-019', key: 'account', retryAfterMs: 0 },
          value: Math.round(km),
          limit: FAR_KM,
          sentence: `${Math.round(km)} km from its last place, ${minutes} minute${minutes === 1 ? '' : 's'} ago`,
        }
      })
    },
  }
}

/** On a great circle (haversine). */
function distanceKm(one: Place, two: Place): number {
  const radians = Math.PI / 180
  const north = Math.sin(((two.latitude - one.latitude) * radians) / 2)
  const east = Math.sin(((two.longitude - one.longitude) * radians) / 2)
  const chord = north * north + Math.cos(one.latitude * radians) * Math.cos(two.latitude * radians) * east * east
  return 2 * EARTH_KM * Math.asin(Math.min(1, Math.sqrt(chord)))
}
