// What became of an order that was sent to several control planes, for a person.
import type { Residual } from '../core/residual.ts'
import type { MissingGateway } from '../ports/control-api.ts'
import { acceptedOf, failedOf, missingOf, type Delivery } from './deliver.ts'
import type { Printer, Segment } from './print.ts'

export interface Headline {
  /** `FROZEN`, `LOCKED read-only`, `REVOKED`. */
  readonly done: string
  /** What it reaches, in words. */
  readonly reach: string
  readonly id: string
  readonly incident: string
  /** How it is undone, a line each. */
  readonly undo?: readonly string[]
}

/** The answer: where it holds, and who has proven it. Nothing where nobody accepted. */
export function printAccepted(printer: Printer, headline: Headline, deliveries: readonly Delivery[]): void {
  const accepted = acceptedOf(deliveries)
  if (accepted.length === 0) return
  printer.out({ style: 'red', text: headline.done }, `  ${headline.reach}`)
  printer.out('  id        ', { style: 'bold', text: headline.id })
  printer.out('  incident  ', headline.incident)
  for (const delivery of accepted) printGateway(printer, delivery, headline.done !== 'DRILLED')
  for (const text of headline.undo ?? []) printer.out({ style: 'dim', text })
}

function printGateway(
  printer: Printer,
  { control, accepted }: ReturnType<typeof acceptedOf>[number],
  isLock: boolean,
): void {
  const { epoch, covers, durable, proof } = accepted
  const reach = covers.length > 0 ? `, ${routeCount(covers.length)}` : ''
  const kept: Segment = durable ? '' : { style: 'yellow', text: ', held in memory alone: its disk did not answer' }
  printer.out('  at        ', `${control}, epoch ${epoch}${reach}`, kept)
  if (proof === undefined) {
    printer.out('  proven    ', { style: 'yellow', text: 'not waited for: see portcullis status, or say --wait' })
    return
  }
  for (const worker of proof.proven) printer.out('  proven    ', { style: 'green', text: worker })
  printer.out(
    `            ${proof.proven.length} of ${proof.proven.length + proof.missing.length} proven in ${Math.round(proof.elapsedMs)} ms`,
  )
  // A drill cuts nothing.
  if (isLock && proof.residual !== undefined) printer.out('  too late  ', residualText(proof.residual))
  for (const gateway of proof.missingGateways ?? [])
    printer.out('  missing   ', { style: 'red', text: missingText(gateway) })
}

/** What a lock came too late for, in words. */
export function residualText({ inFlight, cut, finished, bytesAfter, maybeExecuted }: Residual): string {
  if (inFlight === 0) return 'nothing that it covers was in flight'
  const executed =
    maybeExecuted === 0 ? '' : `, ${maybeExecuted} of them MAYBE EXECUTED: sent whole, and not to be recalled`
  const after = `${bytesAfter === 0 ? 'no' : `at most ${bytesAfter}`} bytes left after the epoch`
  return `${inFlight} in flight: ${cut} cut${executed}; ${finished} finished; ${after}`
}

/** Beside the answer: which control planes did not accept, and who has not proven. */
export function printShortfall(
  printer: Printer,
  undone: string,
  deliveries: readonly Delivery[],
  waited: boolean,
): void {
  for (const { failed } of failedOf(deliveries))
    for (const line of failed) printer.note({ style: 'yellow', text: line })
  if (acceptedOf(deliveries).length === 0) {
    printer.note({ style: 'red', text: undone }, ': no control plane accepted the order')
    return
  }
  const missing = missingOf(deliveries)
  if (waited && missing.length > 0) printer.note({ style: 'red', text: 'NOT PROVEN' }, `: ${missing.join(', ')}`)
}

/** Who it is, when it was heard last, and what it does by itself meanwhile. */
function missingText({ name, address, lastSeen, fenced }: MissingGateway): string {
  const seen = lastSeen === undefined ? 'never heard here' : `last seen ${lastSeen}`
  const posture =
    fenced === undefined
      ? ''
      : 'since' in fenced
        ? `, in its posture since ${fenced.since}`
        : `, in its posture by ${fenced.by}`
  return `${name}${address === undefined ? '' : ` (${address})`}: ${seen}${posture}`
}

function routeCount(count: number): string {
  return count === 1 ? '1 route' : `${count} routes`
}
