// A finding, answered by a person: seen, not to be told again for a while, or known traffic. Signed, and in the trail.
import { useState } from 'preact/hooks'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { answerAnomaly } from '../orders.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { Dialog } from './dialog.tsx'
import { FindingText } from './finding-text.tsx'
import { closeOverlay } from './overlays.ts'

const ACTIONS = { accept: 'answerAccept', snooze: 'answerSnooze', exempt: 'answerExempt' } as const satisfies Readonly<
  Record<string, MessageKey>
>
export type AnswerAction = keyof typeof ACTIONS

export function AnswerDialog({ anomaly, ...finding }: { anomaly: string; detector: string; sentence: string }) {
  const t = useWords()
  const role = useStore(state, ({ session }) => session?.role)
  const [action, setAction] = useState<AnswerAction>('accept')
  const [ttl, setTtl] = useState('1h')
  const [reason, setReason] = useState('')
  const [problem, setProblem] = useState('')
  const give = async (): Promise<void> => {
    const failed = await answerAnomaly({ anomaly, action, ttl, reason: reason.trim() })
    if (failed === undefined) {
      dispatchEvent(new Event('portcullis:anomaly'))
      closeOverlay()
    } else setProblem(t('refusedOrder', { detail: failed.detail || failed.code }))
  }
  return (
    <Dialog id="answer" title={t('answerFinding')} onClose={closeOverlay}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void give()
        }}
      >
        <p>
          <FindingText {...finding} />
        </p>
        <div class="grid">
          <label>
            {t('act')}
            <select value={action} onChange={(event) => setAction(event.currentTarget.value as AnswerAction)}>
              {Object.entries(ACTIONS).map(([each, name]) => (
                <option key={each} value={each} disabled={each === 'exempt' && role !== 'commander'}>
                  {t(name)}
                </option>
              ))}
            </select>
          </label>
          {action !== 'accept' && (
            <label>
              {t('duration')}
              <input required pattern="\d+[smhd]" value={ttl} onInput={(event) => setTtl(event.currentTarget.value)} />
            </label>
          )}
          <label>
            {t('reason')}
            <input
              name="answer-reason"
              required
              maxLength={500}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
            <span class="hint">{t('reasonHint')}</span>
          </label>
        </div>
        {problem !== '' && (
          <p class="bad" role="alert">
            {problem}
          </p>
        )}
        <div class="actions">
          <button type="button" class="quiet" onClick={closeOverlay}>
            {t('cancel')}
          </button>
          <button type="submit" class="primary">
            {t('answerGive')}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
