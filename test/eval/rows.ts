// The rows of the table: what is played, what is measured, and what must be reached (research on real logs; issue 7).
import type { LogEvent } from '../../src/throttle/replay/event.ts'
import { behindOneAddress, FAMILIES, inject } from '../../src/throttle/replay/families.ts'
import type { Arm } from '../../src/throttle/replay/guard.ts'
import { createRandom } from '../../src/throttle/replay/random.ts'
import { measure, type Measures } from './measure.ts'

export interface Row {
  readonly name: string
  readonly target: string
  play(log: readonly LogEvent[], seed: number, arm: () => Arm): Measures
  /** One line of the table. */
  tell(measures: Measures): string
  reached(measures: Measures): boolean
}

export const WARM_UP_MS = 3_600_000

function attack(name: string, log: readonly LogEvent[], seed: number): { events: readonly LogEvent[]; start: number } {
  const family = FAMILIES.find((each) => each.name === name)
  if (family === undefined) throw new Error(`no family ${name}`)
  // A seed also moves the moment, so that no row hangs on where a minute begins.
  const start = (log[0]?.time ?? 0) + WARM_UP_MS + seed * 7_919
  return { events: inject(log, family.make({ start, random: createRandom(seed), benign: log })), start }
}

const seconds = (value: number | undefined): string => (value === undefined ? 'never' : `${value.toFixed(0)} s`)
const within = (value: number | undefined, limit: number): boolean => value !== undefined && value <= limit
const leak = ({ leaked, asked, firstRefusalSeconds }: Measures): string =>
  `${leaked} of ${asked}, first refusal ${seconds(firstRefusalSeconds)}`
const humansFine = ({ peopleRefused, people }: Measures): boolean => peopleRefused <= Math.max(1, 0.001 * people)

function leaks(name: string, most: number, limitSeconds: number, target: string): Row {
  return {
    name,
    target,
    play: (log, seed, arm) => {
      const { events, start } = attack(name, log, seed)
      return measure(arm(), events, start)
    },
    tell: leak,
    reached: (found) => found.leaked <= most && within(found.firstRefusalSeconds, limitSeconds) && humansFine(found),
  }
}

function tries(name: string, target: string, tell: (m: Measures) => string, reached: (m: Measures) => boolean): Row {
  return {
    ...{ name, target, tell, reached },
    play: (log, seed, arm) => {
      const { events, start } = attack(name, log, seed)
      return measure(arm(), events, start)
    },
  }
}

export const ROWS: readonly Row[] = [
  {
    name: 'people of the log alone',
    target: '0.1 % refused (or 1), 0.2 % of requests, 1 alarm in 24 h',
    play: (log, _seed, arm) => measure(arm(), log),
    tell: (m) =>
      `${m.peopleRefused} of ${m.people} refused, ${m.requestsRefused} of ${m.requests} requests, ${m.alarms} alarms`,
    reached: (m) => humansFine(m) && m.requestsRefused <= 0.002 * m.requests && m.alarms <= 1,
  },
  leaks('slow', 12, 241, '12 leaked'),
  leaks('slower', 12, 721, '12 leaked'),
  leaks('slowest', 40, 86_400, '40 in 24 h'),
  leaks('fast', 12, 6, '12 leaked, 6 s'),
  leaks('sequential', 12, 86_400, '12 leaked'),
  leaks('distributed', 100, 60, '1 % leaked, 60 s'),
  leaks('distributed-few', 80, 180, '4 % leaked, 180 s'),
  tries(
    'distributed-real',
    'alarm 180 s, with step-up 5 % leaked',
    (m) =>
      `${m.leaked} of ${m.asked}, alarm ${seconds(m.firstAlarmSeconds)}, ${m.steppedUp} of ${m.people} people stepped up`,
    (m) => m.leaked <= 100 && within(m.firstAlarmSeconds, 180) && humansFine(m),
  ),
  tries(
    'otp-brute-force',
    '5 tries',
    (m) => `${m.triesPassed} tries`,
    (m) => m.triesPassed <= 5,
  ),
  tries(
    'otp-brute-force-distributed',
    '5 tries a password, 20 a day',
    (m) => `${m.triesPassed} tries`,
    (m) => m.triesPassed <= 5,
  ),
  tries(
    'otp-spray',
    'alarm 300 s, 300 tries',
    (m) => `alarm ${seconds(m.firstAlarmSeconds)} after ${m.triesBeforeAlarm} tries`,
    (m) => within(m.firstAlarmSeconds, 300) && m.triesBeforeAlarm <= 300,
  ),
  tries(
    'stuffing',
    '30 % of tries pass',
    (m) => `${m.triesPassed} of 1000 tries`,
    (m) => m.triesPassed <= 300,
  ),
  tries(
    'token-sharing',
    'step-up by the 3rd network, ended by the 6th address',
    (m) => `step-up at address ${m.stepUpAt ?? 'none'}, ended at address ${m.endedAt ?? 'none'}`,
    (m) => (m.stepUpAt ?? 99) <= 3 && (m.endedAt ?? 99) <= 6,
  ),
  {
    name: 'flash-crowd',
    target: '0.1 % refused (or 1), 2 % stepped up',
    play: (log, seed, arm) => {
      const { events, start } = attack('flash-crowd', log, seed)
      return measure(arm(), events, start)
    },
    tell: (m) => `${m.peopleRefused} of ${m.people} refused, ${m.steppedUp} stepped up`,
    reached: (m) => humansFine(m) && m.steppedUp <= 0.02 * m.people,
  },
  {
    name: '25 people behind one address',
    target: 'none refused',
    play: (log, _seed, arm) => measure(arm(), behindOneAddress(log)),
    tell: (m) => `${m.peopleRefused} of ${m.people} refused`,
    reached: (m) => m.peopleRefused === 0,
  },
]
