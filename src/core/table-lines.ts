// What two gateways compare by a hash: everything that the fleet's orders make of the table, in one spelling. Flags, FREEZE and
// recoveries are a gateway's own.
import type { Ledger } from './ledger.ts'

export function tableLines(ledger: Ledger): readonly string[] {
  return [
    ...[...ledger.held.values()].flatMap(({ lock }) => (lock.source === 'order' ? [`h ${lock.id} ${lock.since}`] : [])),
    ...[...ledger.revocations.values()].map(({ id, since }) => `r ${id} ${since}`),
    ...[...ledger.released].map((id) => `t ${id}`),
    ...[...ledger.proposals.values()].flatMap(({ id, done, doneAt }) => (done ? [`d ${id} ${doneAt ?? 0}`] : [])),
  ].toSorted()
}
