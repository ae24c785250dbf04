// Whether an upstream that reads paths more kindly than it should would take a target for a guarded one.
import { readLeniently, type Leniency } from '../core/lenient-upstream.ts'
import type { Dice } from './dice.ts'

/** What is read alike by everybody. */
const PLAIN = /^[a-z0-9/_\-]*$/
const SAMPLES = 24

/** The path as so many upstreams would read it: the plain reading, and some of the kinder ones by chance. */
export function readingsOf(path: string, dice: Dice): ReadonlySet<string> {
  const readings = new Set([path])
  if (PLAIN.test(path)) return readings
  for (let sample = 0; sample < SAMPLES; sample++) readings.add(readLeniently(path, leniency(dice)))
  return readings
}

function leniency(dice: Dice): Leniency {
  return {
    ignoresCase: dice.chance(3, 4),
    normalises: dice.chance(1, 2),
    decodes: dice.below(4),
    splitsFirst: dice.chance(1, 2),
    backslashIsSlash: dice.chance(1, 2),
    dropsParams: dice.chance(1, 2),
    dropsTails: dice.pick(['none', 'spaces', 'dots and spaces']),
    mergesSlashes: dice.chance(1, 2),
    resolvesDots: dice.pick(['never', 'before tails', 'after tails']),
    endsAtMarks: dice.chance(1, 2),
    endsAtNul: dice.chance(1, 2),
  }
}
