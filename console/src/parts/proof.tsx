// The proof of an order, gateway by gateway as it arrives.
import { useWords } from '../messages/messages.ts'
import { plain } from '../plain.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'

export function ProofPanel() {
  const t = useWords()
  const proof = useStore(state, (all) => all.proof)
  if (proof === undefined) return null
  const { arrivals, total, done } = proof
  const missing = done?.missing ?? []
  return (
    <section
      class="proof"
      aria-live="polite"
      aria-label={t('proofTitle')}
      data-proof={done === undefined ? 'waiting' : missing.length === 0 ? 'whole' : 'part'}
    >
      <h3>{t('proofTitle')}</h3>
      {total > 0 && <progress max={total} value={arrivals.length} aria-label={t('proofTitle')} />}
      <ol>
        {arrivals.map(({ gateway, elapsedMs }) => (
          <li key={gateway}>✓ {t('proofArrived', { gateway: plain(gateway), ms: Math.round(elapsedMs) })}</li>
        ))}
      </ol>
      {done === undefined && <p>{t('proofWaiting')}</p>}
      {done !== undefined && missing.length === 0 && (
        <p class="good">{t('proofDone', { n: arrivals.length, total, ms: Math.round(done.elapsedMs) })}</p>
      )}
      {missing.length > 0 && (
        <p class="bad">{t('proofMissing', { names: missing.map((name) => plain(name)).join(', ') })}</p>
      )}
    </section>
  )
}
