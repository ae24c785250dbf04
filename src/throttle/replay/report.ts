// What a replay comes to: by detector who would be refused, how many people leaked before and in all, and who was refused by mistake.
import { BENIGN, clientOf, isAttack, type LogEvent } from './event.ts'
import type { Verdict } from './guard.ts'

interface DetectorReport {
  readonly detector: string
  readonly findings: number
  /** Clients that it refused or asked for an OTP. */
  readonly refused: number
  readonly steppedUp: number
  /** From the client's first line to the first refusal, at the median. */
  readonly secondsToFirst: number | undefined
  /** The first few clients, with the sentence of the first finding. */
  readonly examples: readonly { readonly client: string; readonly people: number; readonly sentence: string }[]
}

export interface ReplayReport {
  readonly lines: number
  readonly judged: number
  readonly clients: number
  readonly refusedClients: number
  readonly refusedRequests: number
  readonly detectors: readonly DetectorReport[]
  /** Different people that refused clients got, before their first refusal and in all. */
  readonly leakedBefore: number
  readonly leaked: number
  /** Where lines are labelled. */
  readonly labelled?: {
    readonly people: number
    readonly peopleRefused: number
    readonly peopleSteppedUp: number
    readonly attacks: readonly {
      readonly label: string
      readonly asked: number
      readonly leaked: number
      readonly secondsToFirst: number | undefined
    }[]
  }
}

const EXAMPLES_MAX = 5

interface Client {
  readonly first: number
  readonly people: Set<string>
  before: number
  refusedAt: number | undefined
  steppedUp: boolean
  readonly isBenign: boolean
}

interface Attack {
  readonly asked: Set<string>
  readonly leaked: Set<string>
  readonly first: number
  refusedAt: number | undefined
}

function newTally(): Tally {
  return { findings: 0, refused: new Map(), steppedUp: new Set(), examples: [] }
}

interface Tally {
  findings: number
  readonly refused: Map<string, number>
  readonly steppedUp: Set<string>
  readonly examples: { client: string; people: number; sentence: string }[]
}

export interface ReplayTally {
  /** Before the warm-up is over, lines are judged and not counted. */
  take(event: LogEvent, verdict: Verdict): void
  report(lines: number): ReplayReport
}

export function createTally(): ReplayTally {
  const clients = new Map<string, Client>()
  const tallies = new Map<string, Tally>()
  const attacks = new Map<string, Attack>()
  let judged = 0
  let refusedRequests = 0
  let isLabelled = false

  function takeFindings(event: LogEvent, verdict: Verdict, client: Client): void {
    const name = clientOf(event)
    for (const { detector, answer, sentence } of verdict.findings) {
      const tally = tallies.get(detector) ?? newTally()
      tallies.set(detector, tally)
      tally.findings += 1
      if (answer === 'step-up') tally.steppedUp.add(name)
      else if (answer !== 'observe' && !verdict.passed)
        tally.refused.set(name, tally.refused.get(name) ?? (event.time - client.first) / 1000)
      if (tally.examples.length < EXAMPLES_MAX && !tally.examples.some((each) => each.client === name))
        tally.examples.push({ client: name, people: client.people.size, sentence })
    }
  }

  function takeAttack(event: LogEvent, passed: boolean): void {
    const label = event.label ?? ''
    const attack = attacks.get(label) ?? {
      asked: new Set(),
      leaked: new Set(),
      first: event.time,
      refusedAt: undefined,
    }
    attacks.set(label, attack)
    for (const each of event.subjects) {
      attack.asked.add(each)
      if (passed) attack.leaked.add(each)
    }
    if (!passed) attack.refusedAt ??= event.time
  }

  return {
    take(event, verdict) {
      judged += 1
      const name = clientOf(event)
      const client = clients.get(name) ?? {
        first: event.time,
        people: new Set(),
        before: 0,
        refusedAt: undefined,
        steppedUp: false,
        isBenign: event.label === BENIGN,
      }
      clients.set(name, client)
      if (event.label !== undefined) isLabelled = true
      if (verdict.passed) for (const each of event.subjects) client.people.add(each)
      else {
        refusedRequests += 1
        if (client.refusedAt === undefined) client.before = client.people.size
        client.refusedAt ??= event.time
      }
      if (verdict.steppedUp) client.steppedUp = true
      if (verdict.findings.length > 0) takeFindings(event, verdict, client)
      if (isAttack(event)) takeAttack(event, verdict.passed)
    },
    report: (lines) => reportOf({ lines, judged, refusedRequests, isLabelled }, clients, tallies, attacks),
  }
}

function reportOf(
  totals: {
    readonly lines: number
    readonly judged: number
    readonly refusedRequests: number
    readonly isLabelled: boolean
  },
  clients: ReadonlyMap<string, Client>,
  tallies: ReadonlyMap<string, Tally>,
  attacks: ReadonlyMap<string, Attack>,
): ReplayReport {
  const { lines, judged, refusedRequests, isLabelled } = totals
  const all = [...clients.values()]
  const refused = all.filter(({ refusedAt }) => refusedAt !== undefined)
  return {
    ...{ lines, judged, refusedRequests },
    clients: all.length,
    refusedClients: refused.length,
    detectors: [...tallies].map(([detector, tally]) => detectorReport(detector, tally)),
    leakedBefore: refused.reduce((sum, { before }) => sum + before, 0),
    leaked: refused.reduce((sum, { people }) => sum + people.size, 0),
    ...(isLabelled ? { labelled: labelledOf(all, attacks) } : {}),
  }
}

function labelledOf(
  all: readonly Client[],
  attacks: ReadonlyMap<string, Attack>,
): NonNullable<ReplayReport['labelled']> {
  const benign = all.filter(({ isBenign }) => isBenign)
  return {
    people: benign.length,
    peopleRefused: benign.filter(({ refusedAt }) => refusedAt !== undefined).length,
    peopleSteppedUp: benign.filter(({ steppedUp }) => steppedUp).length,
    attacks: [...attacks].map(([label, { asked, leaked, first, refusedAt }]) => ({
      label,
      asked: asked.size,
      leaked: leaked.size,
      secondsToFirst: refusedAt === undefined ? undefined : (refusedAt - first) / 1000,
    })),
  }
}

function detectorReport(detector: string, { findings, refused, steppedUp, examples }: Tally): DetectorReport {
  const times = [...refused.values()].sort((one, two) => one - two)
  return {
    ...{ detector, findings, examples },
    refused: refused.size,
    steppedUp: steppedUp.size,
    secondsToFirst: times[Math.floor(times.length / 2)],
  }
}
