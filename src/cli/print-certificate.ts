// What a certificate shows, and what it cannot show, for a person who was not there.
import type { OrderedText } from '../audit/ordered-text.ts'
import type { CertificateVerdict, CertifiedGateway } from '../audit/verify-certificate.ts'
import type { WorkerStatement } from '../core/worker-statement.ts'
import { bothTimes } from './moments.ts'
import type { Printer } from './print.ts'
import { residualText } from './print-delivery.ts'

export function printCertificate(
  printer: Printer,
  file: string,
  verdict: CertificateVerdict,
  order: string | undefined,
): void {
  const { ok, isComplete, epoch, by, orders, problems, warnings, gateways } = verdict
  printer.out(
    !ok
      ? { style: 'red', text: 'DOES NOT HOLD' }
      : isComplete
        ? { style: 'green', text: 'HOLDS' }
        : { style: 'yellow', text: 'HOLDS IN PART' },
    `  ${file}: epoch ${epoch}, certified by ${by}`,
  )
  for (const each of orders) {
    printer.out(`  order       ${each}${each === order ? '  (the one in your file)' : ''}`)
    const text = verdict.ordered.find(({ id }) => id === each)
    if (text !== undefined) printOrdered(printer, text)
  }
  for (const each of gateways) printGateway(printer, each)
  printer.out(`  too late    ${residualText(verdict.residual)}`)
  for (const problem of problems) printer.out({ style: 'red', text: '  problem     ' }, problem)
  for (const warning of warnings) printer.out({ style: 'yellow', text: '  warning     ' }, warning)
  if (!ok) return
  printer.out(
    'It says: the workers above had, at these times by their own clocks, refused a request on each class of locked route.',
  )
  printer.out(
    'It cannot say: whether a gateway exists that nobody listed, a way around the gateways, or what a host did that was not its own master.',
  )
}

const SIGNATURES = {
  signed: { style: 'green', text: 'signed by' },
  forged: { style: 'red', text: 'NOT SIGNED by' },
  unknown: { style: 'yellow', text: 'says to be signed by' },
  passkey: { style: 'yellow', text: 'says to be signed, by a passkey, by' },
} as const

/** What was ordered, and whether it is theirs. Printed as JSON: nothing in it reaches the terminal raw. */
function printOrdered(printer: Printer, { kid, signature, order, iat }: OrderedText): void {
  const when = iat === undefined ? '' : `, ${bothTimes(iat * 1000)}`
  printer.out('              ', SIGNATURES[signature], ` ${kid}${when}`)
  printer.out(`              ${JSON.stringify(order)}`)
}

function printGateway(printer: Printer, { gateway, isProven, isPinned, statements }: CertifiedGateway): void {
  printer.out(
    '  gateway     ',
    isProven ? { style: 'green', text: 'proven ' } : { style: 'red', text: 'MISSING' },
    `  ${gateway}${statements.length === 0 ? '' : isPinned ? ', key pinned' : ', KEY NOT PINNED'}`,
  )
  for (const statement of statements) printer.out(`              ${statementText(statement)}`)
}

function statementText({ worker, epoch, at, proof, canaries, clock }: WorkerStatement): string {
  const refused = canaries.filter((each) => each.refused)
  const routes = refused.reduce((sum, { stands }) => sum + stands, 0)
  const shown =
    proof === 'table'
      ? 'by its word: no canary can show such a lock'
      : `${refused.length} of ${canaries.length} canaries refused, for ${routes} routes`
  const offset = clock?.peers ?? clock?.store
  const off =
    offset === undefined ? '' : `, its clock ${offset.offsetMs} ms from others, give or take ${offset.withinMs}`
  return `${worker}  epoch ${epoch}, ${bothTimes(at)}${off}: ${shown}`
}
