// What the detectors of people go by in a worker: the config's part, and what the main thread has learned and exempted.
import type { Config } from '../config/config.ts'
import { clientName } from '../core/pseudonym.ts'
import type { Limit } from '../core/time.ts'
import type { PeopleSettings } from '../gateway/people-guard.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { PeopleUpdate } from '../ports/worker-protocol.ts'
import type { Budget } from '../throttle/facts.ts'

/** A reload keeps what has been learned and exempted. */
export function peopleSettingsOf(
  { throttle }: Config,
  pseudonyms: Pseudonyms,
  before?: PeopleSettings,
): PeopleSettings {
  return {
    honey: new Set((throttle?.honey ?? []).map((identifier) => pseudonyms.of('subject', identifier))),
    clients: new Map(
      Object.entries(throttle?.clients ?? {}).map(([name, limits]) => [
        clientName(name, pseudonyms),
        limits.map(asBudget),
      ]),
    ),
    learned: before?.learned,
    exemptions: before?.exemptions ?? new Set(),
  }
}

export function takeUpdate(before: PeopleSettings, { learned, exemptions }: PeopleUpdate): PeopleSettings {
  return { ...before, learned, exemptions: new Set(exemptions) }
}

function asBudget({ count, periodMs }: Limit): Budget {
  return { minutes: Math.ceil(periodMs / 60_000), count, source: 'by config' }
}
