// Trails of a fleet that are not in an answer: named in every form of it, and in the exit code.
import type { MissingTrail } from '../../core/people-lines.ts'
import { EXIT, type ExitCode } from '../failure.ts'
import type { Printer } from '../print.ts'
import type { Trails } from './trails.ts'

/** On stderr, so that a script which reads the answer alone has the exit code to go by, and a person sees it last. */
export function printMissing({ missing }: Pick<Trails, 'missing'>, printer: Printer): void {
  for (const { gateway, address, why } of missing)
    printer.note({ style: 'red', text: 'MISSING' }, `  ${nameOf({ gateway, address })}: ${why}`)
  if (missing.length > 0) printer.note('this is not the whole fleet: what those trails hold is not in it')
}

function nameOf({
  gateway,
  address,
}: {
  readonly gateway: string
  readonly address: MissingTrail['address'] | undefined
}): string {
  return address === undefined || address === gateway ? gateway : `${gateway} at ${address}`
}

export function exitCodeOf({ missing }: Pick<Trails, 'missing'>): ExitCode {
  return missing.length === 0 ? EXIT.done : EXIT.unconfirmed
}
