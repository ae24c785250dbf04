// A replay's reports on a terminal, two configs side by side.
import type { LearnedLimit } from '../../throttle/learned-limits.ts'
import type { ReplayReport } from '../../throttle/replay/report.ts'
import { spanOf } from '../../throttle/finding.ts'
import { shorten, table, type Printer, type Segment } from '../print.ts'

interface Head {
  readonly file: string
  readonly format: string
  readonly lines: number
  readonly unplaced: number
}

type Named = ReplayReport & { readonly config: string; readonly limits: readonly LearnedLimit[] }

export function printReports(printer: Printer, head: Head, reports: readonly Named[]): void {
  printer.out({ style: 'bold', text: head.file }, `  ${head.format}, ${head.lines} lines, ${head.unplaced} of no route`)
  const rows: (readonly Segment[])[] = [
    ['lines counted', ...reports.map(({ judged }) => String(judged))],
    ['clients', ...reports.map(({ clients }) => String(clients))],
    ['clients refused', ...reports.map(({ refusedClients, clients }) => shareOf(refusedClients, clients))],
    ['requests refused', ...reports.map(({ refusedRequests, judged }) => shareOf(refusedRequests, judged))],
    ['people read by them before', ...reports.map(({ leakedBefore }) => String(leakedBefore))],
    ['people read by them in all', ...reports.map(({ leaked }) => String(leaked))],
  ]
  if (reports.some(({ labelled }) => labelled !== undefined)) {
    rows.push([
      'people refused by mistake',
      ...reports.map(({ labelled }) => shareOf(labelled?.peopleRefused ?? 0, labelled?.people ?? 0)),
    ])
    rows.push([
      'people stepped up',
      ...reports.map(({ labelled }) => shareOf(labelled?.peopleSteppedUp ?? 0, labelled?.people ?? 0)),
    ])
    for (const label of labelsOf(reports))
      rows.push([`${label}: people leaked`, ...reports.map((report) => leakOf(report, label))])
  }
  for (const line of table(['', ...reports.map(({ config }) => config)], rows)) printer.out(...line)
  for (const report of reports) printDetectors(printer, report, reports.length > 1)
  printLimits(printer, reports)
}

function labelsOf(reports: readonly Named[]): readonly string[] {
  return [...new Set(reports.flatMap(({ labelled }) => labelled?.attacks.map(({ label }) => label) ?? []))]
}

function leakOf({ labelled }: Named, wanted: string): string {
  const found = labelled?.attacks.find(({ label }) => label === wanted)
  if (found === undefined) return '-'
  const first = found.secondsToFirst === undefined ? 'never refused' : `first refusal after ${found.secondsToFirst} s`
  return `${found.leaked} of ${found.asked}, ${first}`
}

function shareOf(count: number, of: number): string {
  return of === 0 ? String(count) : `${count} (${((100 * count) / of).toFixed(2)} %)`
}

function printDetectors(printer: Printer, { config, detectors }: Named, isNamed: boolean): void {
  printer.out('')
  if (isNamed) printer.out({ style: 'bold', text: config })
  if (detectors.length === 0) {
    printer.out('  no detector found anything')
    return
  }
  const rows = detectors.map(({ detector, findings, refused, steppedUp, secondsToFirst }) => [
    detector,
    String(findings),
    String(refused),
    String(steppedUp),
    secondsToFirst === undefined ? '-' : `${secondsToFirst} s`,
  ])
  for (const line of table(['detector', 'findings', 'clients refused', 'stepped up', 'to first refusal'], rows))
    printer.out(...line)
  for (const { detector, examples } of detectors)
    for (const { client, sentence } of examples.slice(0, 2))
      printer.out({ style: 'dim', text: `  ${detector}  ${shorten(client, 40)}: ${sentence}` })
}

/** What the log would have taught; of windows that too few accounts have been seen in there is nothing to show. */
function printLimits(printer: Printer, reports: readonly Named[]): void {
  for (const { config, limits } of reports) {
    const taught = limits.filter(({ confidence }) => confidence !== 'none')
    if (taught.length === 0) continue
    printer.out('', { style: 'bold', text: `learned${reports.length > 1 ? ` under ${config}` : ''}` })
    const rows = taught.map(({ role, minutes, count, accounts, p99, confidence }) => [
      ...[role, spanOf(minutes), String(count), String(accounts), String(p99), confidence],
    ])
    for (const line of table(['role', 'window', 'limit', 'accounts', 'p99', 'confidence'], rows)) printer.out(...line)
  }
}
