// What the list of proposals and the dialog that approves one say of it alike.
import type { PendingRelease } from '../../../src/ports/control-api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { plain } from '../plain.ts'

export const KIND_NAMES: Readonly<Record<PendingRelease['kind'], MessageKey>> = {
  release: 'kindRelease',
  exempt: 'kindExempt',
  enrol: 'kindEnrol',
  retire: 'kindRetire',
}

export function SignedBy({ proposal: { approvals, required } }: { proposal: PendingRelease }) {
  const t = useWords()
  const names = approvals.map((name) => plain(name)).join(', ')
  return <p>{t('signedBy', { names, n: approvals.length, total: required })}</p>
}
