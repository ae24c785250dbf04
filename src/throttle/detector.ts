// The port that detectors fill: facts of one admitted-so-far exchange in, a finding or nothing out.
import type { Limit } from '../core/time.ts'
import type { Route } from '../core/route.ts'
import { graver, isRefusal, type Finding } from './finding.ts'

export interface Sample {
  /** Milliseconds of the monotonic clock that all threads share. */
  readonly monotonicMs: number
  readonly route: Route
  /** Session pseudonym, or the address (an IPv6 one by its /64) where there is no session. */
  readonly key: string
  readonly hasSession: boolean
  readonly subjects: readonly string[]
  /** A throttle lock's own limit, with its key. */
  readonly lock?: { readonly id: string; readonly limit: Limit }
}

/** What a refused or counted caller may be told; only verified sessions are told numbers. */
export interface Allowance {
  /** Name of the policy; absent: `requests`. */
  readonly policy?: 'subjects'
  readonly limit: Limit
  readonly remaining: number
  readonly resetMs: number
}

export interface Observation {
  readonly finding?: Finding | undefined
  readonly allowance?: Allowance | undefined
}

/** Pure over its own slab of shared memory; called once an exchange, synchronously, on the worker's thread. */
export interface Detector {
  readonly name: string
  observe(sample: Sample): Observation | undefined
}

/** The first refusal wins, then a step-up, then what is only observed; the allowance told is the tightest. */
export function observeAll(detectors: readonly Detector[], sample: Sample): Observation {
  let allowance: Allowance | undefined
  let finding: Finding | undefined
  for (const detector of detectors) {
    const seen = detector.observe(sample)
    allowance = tighter(allowance, seen?.allowance)
    finding = graver(finding, seen?.finding)
    if (finding !== undefined && isRefusal(finding.answer)) break
  }
  return { finding, allowance }
}

function tighter(one: Allowance | undefined, two: Allowance | undefined): Allowance | undefined {
  return one === undefined || (two !== undefined && two.remaining < one.remaining) ? two : one
}
