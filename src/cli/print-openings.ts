// What opens, for a person: proposals with what they would do, thaw plans with where they stand, exemptions.
import type { LockView, PendingRelease, StatusView, ThawStageView, ThawView } from '../ports/control-api.ts'
import type { Instant } from '../core/time.ts'
import { bothTimes, spanText } from './moments.ts'
import type { Printer, Segment } from './print.ts'
import { scopeText } from './scope-options.ts'

const TITLES: Readonly<Record<string, string>> = {
  release: 'Release',
  exempt: 'Exemption',
  enrol: 'Enrolment',
  retire: 'Retirement',
}

/** `Release`, `Enrolment`: of a kind that is not known here, its own name. */
export function proposalTitle({ kind }: PendingRelease): string {
  return TITLES[kind] ?? kind
}

/** `printLocks` shows the locks that it is about. */
export function printProposed(
  printer: Printer,
  release: PendingRelease,
  status: StatusView,
  printLocks: (printer: Printer, locks: readonly LockView[], now: Instant) => void,
): void {
  const now = Date.parse(status.now)
  printer.out(`${proposalTitle(release)} ${release.id}`)
  printer.out(`  proposed  ${bothTimes(Date.parse(release.since))}, signed by ${release.approvals.join(', ')}`)
  printer.out(`  reason    ${release.reason}`)
  for (const line of detailLines(release)) printer.out(line)
  if (release.locks.length === 0) return
  printer.out(release.kind === 'exempt' ? 'It goes through:' : 'It opens:')
  printLocks(
    printer,
    status.locks.filter((lock) => release.locks.includes(lock.id)),
    now,
  )
}

/** What the proposal says beside its locks. */
export function detailLines(proposal: PendingRelease): readonly string[] {
  const { kind, responder, scope, ttlMs, stages } = proposal
  const lines: string[] = []
  if (responder !== undefined) {
    const { name, keyId, role, key } = responder
    const kid = keyId === undefined ? name : `${name}#${keyId}`
    lines.push(`  ${kind === 'enrol' ? 'enrols    ' : 'retires   '}${kid}${role === undefined ? '' : `, ${role}`}`)
    lines.push(`  key       ${key ?? 'all that the person has'}`)
  }
  if (scope !== undefined) lines.push(`  passes    ${scopeText(scope)}, for ${spanText(ttlMs ?? 0)}`)
  if (stages !== undefined) lines.push(`  in stages ${stages.map(stageText).join(', then ')}`, ...watchLines(proposal))
  return lines
}

/** Who sees to a thaw plan, and what ends it early. */
function watchLines({ owner, deadlineMs, refreezeOn = [] }: PendingRelease): readonly string[] {
  if (owner === undefined || deadlineMs === undefined) return []
  const triggers = refreezeOn.map(({ metric, above }) => `${metric} above ${above}`)
  const early = triggers.length === 0 ? '' : `, or at ${triggers.join(' or ')} within a minute`
  return [`  seen to   by ${owner}; it locks again after ${spanText(deadlineMs)} without an end${early}`]
}

function stageText({ passes, forMs, probes, percent }: ThawStageView): string {
  const what =
    passes === 'probes' && probes !== undefined
      ? `probes (${scopeText(probes)})`
      : passes === 'percent'
        ? `${percent ?? 0} % of sessions`
        : passes === 'all'
          ? 'everything'
          : passes
  return `${what} for ${spanText(forMs)}`
}

/** Lines under a lock in a list. */
export function openingLines({ thaw, exemptions = [] }: LockView, now: Instant): readonly (readonly Segment[])[] {
  return [
    ...exemptions.map(({ id, scope, until }): readonly Segment[] => [
      '    ',
      { style: 'yellow', text: 'EXEMPT' },
      `  ${scopeText(scope)}, for ${spanText(Date.parse(until) - now)} more (${id.slice(0, 12)})`,
    ]),
    ...(thaw === undefined ? [] : [thawLine(thaw, now)]),
  ]
}

function thawLine(thaw: ThawView, now: Instant): readonly Segment[] {
  const { state, stage = 0, stages, next, owner, deadline, refrozen } = thaw
  switch (state) {
    case 'stage': {
      const passes = stages.slice(0, stage).map(stageText).at(-1) ?? ''
      const left = next === undefined ? '' : `, ${spanText(Date.parse(next) - now)} left`
      const until = `deadline ${bothTimes(Date.parse(deadline))}`
      return [
        '    ',
        { style: 'yellow', text: 'THAWING' },
        `  stage ${stage} of ${stages.length}: ${passes}${left}; ${owner} sees to it, ${until}`,
      ]
    }
    case 'open':
      return ['    thawed: older sessions are asked for a new OTP']
    case 'not-begun':
      return ['    its thaw has not begun by this clock']
    case 'refrozen':
      return ['    ', { style: 'red', text: 'REFROZEN' }, `  ${refrozen?.why ?? ''}; ${owner} sees to it`]
    case 'deadline':
      return ['    ', { style: 'red', text: 'REFROZEN' }, `  its thaw missed the deadline; ${owner} sees to it`]
  }
}
