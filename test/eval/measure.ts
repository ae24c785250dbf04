// What an arm did with a log: who was refused, and how many people leaked.
import { clientOf, isAttack, type LogEvent } from '../../src/throttle/replay/event.ts'
import type { Arm } from '../../src/throttle/replay/guard.ts'

export interface Measures {
  readonly leaked: number
  readonly leakedBefore: number
  readonly asked: number
  readonly firstRefusalSeconds: number | undefined
  readonly firstAlarmSeconds: number | undefined
  readonly triesPassed: number
  readonly triesBeforeAlarm: number
  readonly people: number
  readonly peopleRefused: number
  readonly requests: number
  readonly requestsRefused: number
  readonly steppedUp: number
  readonly alarms: number
  /** Number of the address of an attack at which its token was first to step up, and at which it ended. */
  readonly stepUpAt: number | undefined
  readonly endedAt: number | undefined
  readonly refusedBy: ReadonlyMap<string, number>
}

export function measure(arm: Arm, events: readonly LogEvent[], from = 0): Measures {
  const [leaked, before, asked] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const [people, refused, stepped] = [new Set<string>(), new Set<string>(), new Set<string>()]
  const refusedBy = new Map<string, number>()
  let [requests, requestsRefused, triesPassed, triesBeforeAlarm, alarms] = [0, 0, 0, 0, 0]
  let started: number | undefined
  let firstRefusal: number | undefined
  let firstAlarm: number | undefined
  const addresses = new Set<string>()
  let stepUpAt: number | undefined
  let endedAt: number | undefined
  for (const event of events) {
    const { passed, steppedUp, findings } = arm.judge(event)
    if (event.time < from) continue
    const alarm = findings.some(
      ({ detector, answer }) => answer === 'observe' && (detector === 'route-change' || detector === 'failure-share'),
    )
    if (alarm) alarms += 1
    if (isAttack(event)) {
      started ??= event.time
      addresses.add(event.address)
      if (steppedUp) stepUpAt ??= addresses.size
      if (findings.some(({ answer }) => answer === 'revoke')) endedAt ??= addresses.size
      if (alarm) firstAlarm ??= event.time
      for (const each of event.subjects) asked.add(each)
      if (event.attempt !== undefined && passed) {
        triesPassed += 1
        if (firstAlarm === undefined) triesBeforeAlarm += 1
      }
      if (!passed) firstRefusal ??= event.time
      else
        for (const each of event.subjects) {
          leaked.add(each)
          if (firstRefusal === undefined) before.add(each)
        }
      continue
    }
    if (alarm && started !== undefined) firstAlarm ??= event.time
    people.add(clientOf(event))
    requests += 1
    if (steppedUp) stepped.add(clientOf(event))
    if (passed) continue
    requestsRefused += 1
    refused.add(clientOf(event))
    const by = findings.find(({ answer }) => answer !== 'observe')?.detector ?? arm.name
    refusedBy.set(by, (refusedBy.get(by) ?? 0) + 1)
  }
  const since = (at: number | undefined) =>
    at === undefined || started === undefined ? undefined : (at - started) / 1000
  return {
    leaked: leaked.size,
    leakedBefore: before.size,
    asked: asked.size,
    firstRefusalSeconds: since(firstRefusal),
    firstAlarmSeconds: since(firstAlarm),
    ...{ stepUpAt, endedAt },
    ...{ triesPassed, triesBeforeAlarm, requests, requestsRefused, alarms, refusedBy },
    people: people.size,
    peopleRefused: refused.size,
    steppedUp: stepped.size,
  }
}
