// What a lock would have refused, for a person who is about to press it.
import type { ImpactNumbers, ImpactView, ObservedView } from '../ports/control-api.ts'
import { bothTimes, spanText } from './moments.ts'
import { table, type Printer } from './print.ts'
import { scopeText } from './scope-options.ts'

const LINES_SHOWN = 10
const BARS = '▁▂▃▄▅▆▇█'

export function printImpact(printer: Printer, control: string, view: ImpactView): void {
  const { scope, mode, windowSeconds, seenSeconds, covers } = view
  printer.out(
    { style: 'bold', text: 'IMPACT' },
    `  ${mode} on ${scopeText(scope)}, ${counted(covers.length, 'route', 'routes')}, ${control}`,
  )
  const seen = seenSeconds < windowSeconds ? ` (only ${spanText(seenSeconds * 1000)} are known)` : ''
  printer.out(`In the last ${spanText(windowSeconds * 1000)}${seen} it would have refused:`)
  printer.out(
    '  requests   ',
    { style: view.requests > 0 ? 'yellow' : 'green', text: `${about(view)}${view.requests}` },
    `  ${sparkline(view.perMinute)}`,
  )
  printer.out(`  of         ${peopleText(view)}`)
  printer.out(`  open now   ${counted(view.open, 'exchange', 'exchanges')} would be cut`)
  list(
    printer,
    ['ROUTE', 'REQUESTS'],
    view.routes.map(({ route, requests }) => [route, String(requests)]),
  )
  list(
    printer,
    ['CLIENT', 'REQUESTS'],
    view.busiestClients.map(({ client, requests }) => [client, String(requests)]),
  )
  for (const { route, caller, requests, everySeconds } of view.probes)
    printer.out(
      { style: 'yellow', text: 'PROBE' },
      `     ${caller} on ${route}, ${requests} times${everySeconds === undefined ? '' : `, every ${roundedSeconds(everySeconds)}`}: it will say that something is down`,
    )
  for (const { route, requests } of view.callbacks)
    printer.out(
      { style: 'yellow', text: 'CALLBACK' },
      `  ${route}, ${requests} times: whoever calls back will try again, or lose it`,
    )
  if (view.gateways.length > 1)
    list(
      printer,
      ['GATEWAY', 'REQUESTS'],
      view.gateways.map(({ gateway, requests }) => [gateway, String(requests)]),
    )
  if (view.isSampled)
    printer.out('More came than is remembered one by one: requests are an estimate, the others are at least so many.')
  printMissing(printer, view.missing)
}

export function printObserved(
  printer: Printer,
  control: string,
  observed: ObservedView & { readonly lock: string; readonly missing: readonly string[] },
): void {
  printer.out({ style: 'bold', text: 'OBSERVED' }, `  lock ${observed.lock}, ${control}`)
  for (const line of observedLines(observed)) printer.out(`  ${line}`)
  printMissing(printer, observed.missing)
}

/** Predicted and come side by side. */
export function observedLines({ since, until, isFinal, predicted, came }: ObservedView): readonly string[] {
  const head = isFinal
    ? `over ${spanText(Date.parse(until) - Date.parse(since))} from ${bothTimes(Date.parse(since))}`
    : `so far, until ${bothTimes(Date.parse(until))}`
  return [
    predicted === undefined
      ? 'predicted  not known: the gateway was started since'
      : `predicted  ${about(predicted)}${counted(predicted.requests, 'request', 'requests')} of ${peopleText(predicted)}`,
    `came       ${about(came)}${counted(came.requests, 'request', 'requests')} of ${peopleText(came)}, ${head}`,
  ]
}

function printMissing(printer: Printer, missing: readonly string[]): void {
  for (const name of missing)
    printer.note({ style: 'red', text: 'MISSING' }, `  ${name} did not answer: what came there is not in the numbers`)
}

function list(printer: Printer, heading: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) return
  for (const line of table(heading, rows.slice(0, LINES_SHOWN))) printer.out(...line)
  if (rows.length > LINES_SHOWN) printer.out(`  and ${rows.length - LINES_SHOWN} more`)
}

function peopleText({ sessions, clients, subjects, addresses }: ImpactNumbers): string {
  return [
    counted(sessions, 'session', 'sessions'),
    counted(clients, 'client', 'clients'),
    counted(subjects, 'subject', 'subjects'),
    counted(addresses, 'address', 'addresses'),
  ].join(', ')
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`
}

function about({ isSampled }: ImpactNumbers): string {
  return isSampled ? 'about ' : ''
}

function roundedSeconds(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`
}

function sparkline(perMinute: readonly number[]): string {
  const most = Math.max(...perMinute, 1)
  return perMinute
    .map((count) => (count === 0 ? ' ' : (BARS[Math.ceil((count / most) * BARS.length) - 1] ?? '')))
    .join('')
}
