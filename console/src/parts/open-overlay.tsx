// The dialog that is open: freeze, approve, revoke, help.
import { useState } from 'preact/hooks'
import type { PendingRelease } from '../../../src/ports/control-api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { give } from '../orders.ts'
import { plain } from '../plain.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { AnswerDialog } from './answer-dialog.tsx'
import { Dialog } from './dialog.tsx'
import { FreezeDialog, incidentNow } from './freeze-dialog.tsx'
import { HelpDialog } from './help.tsx'
import { Text } from './moment.tsx'
import { closeOverlay, overlays } from './overlays.ts'
import { ProofPanel } from './proof.tsx'

export function Overlays() {
  const open = useStore(overlays, (all) => all.open)
  switch (open?.kind) {
    case 'freeze':
      return <FreezeDialog scope={open.scope} onClose={closeOverlay} />
    case 'help':
      return <HelpDialog onClose={closeOverlay} />
    case 'revoke':
      return <RevokeDialog session={open.session} />
    case 'approve':
      return <ApproveDialog proposal={open.proposal} />
    case 'answer':
      return <AnswerDialog anomaly={open.anomaly} sentence={open.sentence} />
    case undefined:
      return null
  }
}

export const KIND_NAMES: Readonly<Record<PendingRelease['kind'], MessageKey>> = {
  release: 'kindRelease',
  exempt: 'kindExempt',
  enrol: 'kindEnrol',
  retire: 'kindRetire',
}

function ApproveDialog({ proposal }: { proposal: PendingRelease }) {
  const t = useWords()
  const [said, setSaid] = useState<{ readonly isGood: boolean; readonly text: string }>()
  const [isBusy, setBusy] = useState(false)
  const approve = async (): Promise<void> => {
    setBusy(true)
    const { status } = state.get()
    const checkpoint = status?.audit.checkpoint
    const given = await give({
      kind: 'approve',
      release: proposal.id,
      ...(status === undefined ? {} : { epoch: status.epoch }),
      ...(checkpoint === undefined ? {} : { checkpoint }),
    })
    setBusy(false)
    if (given.outcome === 'accepted') setSaid({ isGood: true, text: t('done', { n: given.accepted.epoch }) })
    else if (given.outcome === 'pending')
      setSaid({
        isGood: true,
        text: t('proposed', { id: given.pending.id.slice(0, 8), n: given.pending.required - given.pending.approvals }),
      })
    else setSaid({ isGood: false, text: t('refusedOrder', { detail: given.problem.detail }) })
  }
  return (
    <Dialog id="approve" title={t('approveTitle', { kind: t(KIND_NAMES[proposal.kind]) })} onClose={closeOverlay}>
      <p>
        <code>{proposal.id}</code>
      </p>
      <p>
        <Text of={proposal.reason} />
      </p>
      <p>
        {t('signedBy', {
          names: proposal.approvals.map((name) => plain(name)).join(', '),
          n: proposal.approvals.length,
          total: proposal.required,
        })}
      </p>
      {proposal.locks.length > 0 && (
        <ul>
          {proposal.locks.map((id) => (
            <li key={id}>
              <code>{plain(id)}</code>
            </li>
          ))}
        </ul>
      )}
      {said !== undefined && (
        <p class={said.isGood ? 'good' : 'bad'} role="alert">
          {said.text}
        </p>
      )}
      <ProofPanel />
      <div class="actions">
        <button type="button" class="quiet" onClick={closeOverlay}>
          {said?.isGood === true ? t('close') : t('cancel')}
        </button>
        {said?.isGood !== true && (
          <button type="button" class="primary" disabled={isBusy} onClick={() => void approve()}>
            {t('approveConfirm')}
          </button>
        )}
      </div>
    </Dialog>
  )
}

function RevokeDialog({ session }: { session: string | undefined }) {
  const t = useWords()
  const [reason, setReason] = useState('')
  const [incident, setIncident] = useState(incidentNow)
  const [said, setSaid] = useState<{ readonly isGood: boolean; readonly text: string }>()
  const revoke = async (): Promise<void> => {
    const whose =
      session === undefined ? { before: new Date(Date.now() + state.get().clockOffsetMs).toISOString() } : { session }
    const given = await give({ kind: 'revoke', ...whose, reason: reason.trim(), incident: incident.trim() })
    if (given.outcome === 'accepted') setSaid({ isGood: true, text: t('revoked', { n: given.accepted.epoch }) })
    else if (given.outcome === 'refused')
      setSaid({ isGood: false, text: t('refusedOrder', { detail: given.problem.detail }) })
  }
  return (
    <Dialog id="revoke" title={t('revokeTitle')} onClose={closeOverlay}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void revoke()
        }}
      >
        <p>{session === undefined ? t('revokeAll') : t('revokeOne', { value: plain(session) })}</p>
        <p class="hint">{t('revokeHint')}</p>
        <div class="grid">
          <label>
            {t('reason')}
            <input required maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />
          </label>
          <label>
            {t('incident')}
            <input
              required
              maxLength={100}
              value={incident}
              onInput={(event) => setIncident(event.currentTarget.value)}
            />
          </label>
        </div>
        {said !== undefined && (
          <p class={said.isGood ? 'good' : 'bad'} role="alert">
            {said.text}
          </p>
        )}
        <div class="actions">
          <button type="button" class="quiet" onClick={closeOverlay}>
            {t('close')}
          </button>
          {said?.isGood !== true && (
            <button type="submit" class="danger">
              {t('revoke')}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  )
}
