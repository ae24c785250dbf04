// What two gateways compare by a hash: everything that the fleet's orders make of the table, in one spelling. Flags, FREEZE and
// recoveries are a gateway's own.
import type { Ledger } from './ledger.ts'
import type { Lock } from './lock.ts'
import { keyNameOf } from './responder.ts'

export function tableLines(ledger: Ledger): readonly string[] {
  return [
    ...[...ledger.held.values()].flatMap(({ lock }) => (lock.source === 'order' ? lockLines(lock) : [])),
    ...[...ledger.revocations.values()].map(({ id, since }) => `r ${id} ${since}`),
    ...[...ledger.released].map((id) => `t ${id}`),
    ...[...ledger.proposals.values()].flatMap(({ id, done, doneAt }) => (done ? [`d ${id} ${doneAt ?? 0}`] : [])),
    ...[...ledger.refreezes].map(([release, { at }]) => `f ${release} ${at}`),
    ...rosterLines(ledger),
  ].toSorted()
}

/** The lock, what passes it for a while, and how far its thaw has come. */
function lockLines({ id, since, exemptions = [], thaw }: Lock): readonly string[] {
  return [
    `h ${id} ${since}`,
    ...exemptions.map((exemption) => `x ${id} ${exemption.id} ${exemption.until}`),
    ...(thaw === undefined ? [] : [`w ${id} ${thaw.release} ${thaw.startedAt} ${thaw.refrozen?.at ?? '-'}`]),
  ]
}

/** Whom orders have enrolled and retired. */
function rosterLines({ roster, recovered }: Ledger): readonly string[] {
  const isOwn = (key: string): boolean => recovered.some(({ responder }) => responder.key === key)
  return [
    ...roster.enrolments.flatMap(({ responder, at }) =>
      isOwn(responder.key) ? [] : [`e ${keyNameOf(responder)} ${responder.role} ${responder.key} ${at}`],
    ),
    ...roster.retirements.map(({ name, key, at }) => `q ${name} ${key ?? '-'} ${at}`),
  ]
}
