// What a detector has found, and what is to be done about it.

/** From the mildest on. `revoke` ends the session, `lock` also its client; both refuse the request as `refuse` does. */
const ANSWERS = ['observe', 'delay', 'step-up', 'refuse', 'revoke', 'lock'] as const
export type Answer = (typeof ANSWERS)[number]

/** OWASP Automated Threats to Web Applications. */
type Threat = `OAT-${string}`

export interface Finding {
  readonly detector: string
  readonly answer: Answer
  readonly retryAfterMs: number
  /** For an investigator, never for the caller: "61st request in 60 s, limit 60". */
  readonly sentence: string
  readonly threat?: Threat
  /** Whose count it was. */
  readonly key?: 'session' | 'account' | 'address' | 'partner' | 'cohort' | 'subject' | 'route'
  readonly value?: number
  readonly limit?: number
  /** The window of a limit of people. */
  readonly minutes?: number
  /** Of a delay: from half of the limit (0) to all of it (1). */
  readonly nearness?: number
  /** An OTP that is younger than this (epoch milliseconds) answers a step-up. */
  readonly sinceMs?: number
}

function gravityOf(answer: Answer): number {
  return ANSWERS.indexOf(answer)
}

/** Whether the request goes no further. */
export function isRefusal(answer: Answer): boolean {
  return answer === 'refuse' || answer === 'revoke' || answer === 'lock'
}

export function graver(one: Finding | undefined, two: Finding | undefined): Finding | undefined {
  return one === undefined || (two !== undefined && gravityOf(two.answer) > gravityOf(one.answer)) ? two : one
}

const ENDINGS: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd', other: 'th' }
const PLURALS = new Intl.PluralRules('en', { type: 'ordinal' })

export function ordinal(count: number): string {
  return `${count}${ENDINGS[PLURALS.select(count)] ?? 'th'}`
}

export function spanOf(minutes: number): string {
  if (minutes >= 1440 && minutes % 1440 === 0) return minutes === 1440 ? '24 hours' : `${minutes / 1440} days`
  return minutes === 1 ? '60 seconds' : `${minutes} minutes`
}
