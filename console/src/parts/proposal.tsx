// What the list of proposals and the dialog that approves one say of it alike.
import type { PendingRelease } from '../../../src/ports/control-api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { plain } from '../plain.ts'
import { spanText } from '../time.ts'
import { scopeText } from './lock-facts.tsx'
import { MomentIn, Text } from './moment.tsx'

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

/** What an exemption would let pass, and until when a proposal can be signed. */
export function Reach({ proposal: { scope, ttlMs, until } }: { proposal: PendingRelease }) {
  const t = useWords()
  return (
    <>
      {scope !== undefined && ttlMs !== undefined && (
        <p>
          <Text of={t('wouldExempt', { scope: scopeText(scope, t), span: spanText(ttlMs, t) })} max={1000} />
        </p>
      )}
      {until !== undefined && (
        <p class="hint">
          <MomentIn text={t('signBefore')} at={until} />
        </p>
      )}
    </>
  )
}
