// The state of a fleet for a person: banner, locks, releases that wait, gateways, and what to mend.
import type { GatewayView, LockView, PendingRelease, StatusView } from '../ports/control-api.ts'
import type { Instant } from '../core/time.ts'
import { ID_SHOWN } from './ids.ts'
import { bothTimes, spanText } from './moments.ts'
import { shorten, table, type Printer, type Segment, type Style } from './print.ts'
import { observedLines } from './print-impact.ts'
import { residualText } from './print-delivery.ts'
import { detailLines, openingLines, proposalTitle } from './print-openings.ts'
import { scopeText } from './scope-options.ts'

const SCOPE_COLUMNS = 40

export function printStatus(printer: Printer, control: string, status: StatusView): void {
  const now = Date.parse(status.now)
  printer.out(banner(status), `  epoch ${status.epoch}  ${control}`)
  printer.out(`as of ${bothTimes(now)}`)
  section(printer, `Locks: ${status.locks.length}`)
  printLocks(printer, status.locks, now)
  if (status.pendingReleases.length > 0) {
    section(printer, `Proposals that wait: ${status.pendingReleases.length}`)
    printReleases(printer, status.pendingReleases, now)
  }
  printSuggestions(printer, status.suggestions ?? [], now)
  section(printer, `Fleet: ${status.fleet.proven} of ${status.fleet.total} proven`)
  for (const line of table(
    ['GATEWAY', 'STATE', 'EPOCH', 'LEASE', 'CLOCK', 'TRAIL', 'WORKERS'],
    status.fleet.gateways.map(gatewayRow),
  ))
    printer.out(...line)
  printOldSecret(printer, status)
  section(printer, trailText(status))
  printer.out(drillText(status))
  for (const problem of status.problems) printer.out({ style: 'red', text: 'PROBLEM' }, `  ${problem}`)
}

/** While the fleet's secret is replaced: who would no longer be believed without the old one. */
function printOldSecret(printer: Printer, { fleet }: StatusView): void {
  const carriers = fleet.gateways.filter(({ voucher }) => voucher === 'old').map(({ name }) => name)
  if (carriers.length === 0) return
  printer.out(
    { style: 'yellow', text: 'Old fleet secret' },
    `: ${carriers.join(', ')} ${carriers.length === 1 ? 'stands' : 'stand'} by it; keep its line in the secretFile of every member until nobody does`,
  )
}

/** An alert or a detector has said so: it holds nothing until a person signs. */
function printSuggestions(printer: Printer, suggestions: NonNullable<StatusView['suggestions']>, now: Instant): void {
  if (suggestions.length === 0) return
  section(printer, `Suggested: ${suggestions.length}`)
  for (const { alert, mode, scope, since, command, wouldRefuse } of suggestions) {
    const refused = wouldRefuse === undefined ? '' : `, would have refused ${wouldRefuse.requests} requests in 15m`
    printer.out(
      '  ',
      { style: 'yellow', text: alert },
      `  ${mode} on ${scopeText(scope)}, ${spanText(now - Date.parse(since))} ago${refused}`,
    )
    printer.out(`    to do it: ${command}`)
  }
}

function drillText({ drill }: StatusView): string {
  if (drill === undefined) return 'Drill: none yet: portcullis drill rehearses a freeze'
  const { ageSeconds, by, proof } = drill
  const shown =
    proof === undefined
      ? ''
      : proof.missing.length > 0
        ? `, NOT PROVEN by ${proof.missing.join(', ')}`
        : `, proven in ${Math.round(proof.elapsedMs)} ms`
  return `Drill: ${spanText(ageSeconds * 1000)} ago by ${by}${shown}`
}

function section(printer: Printer, title: string): void {
  printer.out()
  printer.out({ style: 'bold', text: title })
}

/** The state in one word or two. A lock that only observes leaves everything open. */
function banner(status: StatusView): Segment {
  if (status.frozen) return { style: 'red', text: 'FROZEN' }
  return status.locks.some((lock) => lock.mode !== 'observe')
    ? { style: 'yellow', text: 'PARTLY LOCKED' }
    : { style: 'green', text: 'OPEN' }
}

export function printLocks(printer: Printer, locks: readonly LockView[], now: Instant): void {
  if (locks.length === 0) return
  const [heading, ...rows] = table(
    ['ID', 'AGE', 'MODE', 'SCOPE', 'ROUTES', 'SOURCE', 'BY', 'INCIDENT'],
    locks.map((lock) => lockRow(lock, now)),
  )
  printer.out(...(heading ?? []))
  for (const [index, lock] of locks.entries()) {
    printer.out(...(rows[index] ?? []))
    printer.out(`    since ${bothTimes(Date.parse(lock.since))}: ${lock.reason}`)
    if (lock.residual !== undefined && lock.residual.inFlight > 0) printer.out(`    ${residualText(lock.residual)}`)
    if (lock.observed !== undefined) for (const line of observedLines(lock.observed)) printer.out(`    ${line}`)
    if (lock.until !== undefined) printer.out(`    ${untilText(lock, Date.parse(lock.until), now)}`)
    for (const line of openingLines(lock, now)) printer.out(...line)
  }
}

const STYLE_BY_MODE: Readonly<Record<string, Style>> = { deny: 'red', observe: 'dim' }

function lockRow(lock: LockView, now: Instant): readonly Segment[] {
  return [
    shorten(lock.id, lock.id.length > 2 * ID_SHOWN ? ID_SHOWN + 1 : lock.id.length).replace('…', ''),
    spanText(now - Date.parse(lock.since)),
    { style: STYLE_BY_MODE[lock.mode] ?? 'yellow', text: lock.mode },
    shorten(scopeText(lock.scope), SCOPE_COLUMNS),
    String(lock.covers.length),
    lock.source,
    lock.by ?? '-',
    lock.incident,
  ]
}

function untilText(lock: LockView, until: Instant, now: Instant): string {
  const then =
    lock.onExpiry === 'stay'
      ? 'it stays, and is overdue'
      : lock.onExpiry === 'open'
        ? 'it opens by itself'
        : 'it becomes read-only'
  const left = until > now ? `in ${spanText(until - now)}` : `${spanText(now - until)} ago`
  return `until ${bothTimes(until)}, ${left}: then ${then}`
}

function printReleases(printer: Printer, releases: readonly PendingRelease[], now: Instant): void {
  for (const release of releases) {
    const awaited = Math.max(0, release.required - release.approvals.length)
    printer.out(
      '  ',
      { style: 'bold', text: release.id },
      `  ${proposalTitle(release)}, ${spanText(now - Date.parse(release.since))} ago: ${release.reason}`,
    )
    if (release.locks.length > 0)
      printer.out(`    opens   ${release.locks.map((id) => id.slice(0, ID_SHOWN)).join(', ')}`)
    for (const line of detailLines(release)) printer.out(`  ${line}`)
    printer.out(`    signed  ${release.approvals.join(', ')} (${release.approvals.length} of ${release.required})`)
    printer.out(
      `    awaits  ${awaited === 0 ? 'the signature of a commander' : `${awaited} more, a commander among the signers`}: portcullis approve ${release.id}`,
    )
  }
}

function stateOf({ proven, state }: GatewayView): Segment {
  if (state === 'left' || state === 'forgotten') return { style: 'dim', text: state }
  if (state === 'missing') return { style: 'red', text: 'MISSING' }
  return proven ? { style: 'green', text: 'proven' } : { style: 'red', text: 'NOT PROVEN' }
}

function gatewayRow(gateway: GatewayView): readonly Segment[] {
  return [
    gateway.name,
    stateOf(gateway),
    String(gateway.epoch),
    gateway.leaseRemainingMs > 0 ? `${(gateway.leaseRemainingMs / 1000).toFixed(1)} s` : 'run out',
    clockText(gateway),
    gateway.trail === 'failing' ? { style: 'red', text: 'FAILING' } : (gateway.trail ?? '-'),
    gateway.workers.map((worker) => `${worker.worker} ${worker.alive ? `epoch ${worker.epoch}` : 'DEAD'}`).join(', '),
  ]
}

function trailText({ audit }: StatusView): string {
  const age =
    audit.checkpointAgeSeconds === null
      ? 'no checkpoint yet'
      : `checkpoint ${spanText(audit.checkpointAgeSeconds * 1000)} old`
  return `Trail: ${audit.healthy ? 'healthy' : 'NOT WRITABLE'}, ${audit.size} records, ${age}`
}

/** What has to be added to its clock. */
function clockText({ clock }: GatewayView): string {
  if (clock === undefined) return '-'
  const sign = clock.offsetMs > 0 ? '+' : ''
  return `${sign}${Math.round(clock.offsetMs)} ms`
}
