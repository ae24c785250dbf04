// The dialog that is open: freeze, approve, revoke, answer, explain, help.
import { useState } from 'preact/hooks'
import type { PendingRelease } from '../../../src/ports/control-api.ts'
import { useWords } from '../messages/messages.ts'
import { give } from '../orders.ts'
import { plain } from '../plain.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { AnswerDialog } from './answer-dialog.tsx'
import { Dialog } from './dialog.tsx'
import { FreezeDialog, incidentNow } from './freeze-dialog.tsx'
import { HelpDialog } from './help.tsx'
import { later } from './later.tsx'
import { MODE_NAMES, scopeText } from './lock-facts.tsx'
import { Id, Text } from './moment.tsx'
import { closeOverlay, overlays } from './overlays.ts'
import { KIND_NAMES, Reach, SignedBy } from './proposal.tsx'
import { ProofPanel } from './proof.tsx'
import { SaidLine, useGiving, type Giving } from './said.tsx'

const ExplainDialog = later(async () => (await import('./explain-dialog.tsx')).ExplainDialog)

export function Overlays() {
  const open = useStore(overlays, (all) => all.open)
  switch (open?.kind) {
    case 'freeze':
      return <FreezeDialog scope={open.scope} mode={open.mode} onClose={closeOverlay} />
    case 'help':
      return <HelpDialog onClose={closeOverlay} />
    case 'revoke':
      return <RevokeDialog session={open.session} />
    case 'approve':
      return <ApproveDialog proposal={open.proposal} />
    case 'answer':
      return <AnswerDialog {...open} />
    case 'explain':
      return <ExplainDialog of={open.of} />
    case undefined:
      return null
  }
}

/** What was said of the order, and the way out or on: the one that gives it goes once it is given. */
function Ending({
  giving: { said, isBusy },
  name,
  look,
}: {
  giving: Giving
  name: string
  look: 'danger' | 'primary'
}) {
  const t = useWords()
  const isDone = said?.isGood === true
  return (
    <>
      <SaidLine said={said} />
      <div class="actions">
        <button type="button" class="quiet" onClick={closeOverlay}>
          {t(isDone ? 'close' : 'cancel')}
        </button>
        {!isDone && (
          <button type="submit" class={look} disabled={isBusy}>
            {name}
          </button>
        )}
      </div>
    </>
  )
}

function ApproveDialog({ proposal }: { proposal: PendingRelease }) {
  const t = useWords()
  const giving = useGiving()
  const approve = (): Promise<void> => {
    const { status } = state.get()
    const checkpoint = status?.audit.checkpoint
    return giving.run(() =>
      give({
        kind: 'approve',
        release: proposal.id,
        ...(status === undefined ? {} : { epoch: status.epoch }),
        ...(checkpoint === undefined ? {} : { checkpoint }),
      }),
    )
  }
  return (
    <Dialog id="approve" title={t('approveTitle', { kind: t(KIND_NAMES[proposal.kind]) })} onClose={closeOverlay}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void approve()
        }}
      >
        <p>
          <code class="wrap">{proposal.id}</code>
        </p>
        <p>
          <Text of={proposal.reason} />
        </p>
        <Reach proposal={proposal} />
        <SignedBy proposal={proposal} />
        <Opened ids={proposal.locks} />
        <ProofPanel />
        <Ending giving={giving} name={t('approveConfirm')} look="primary" />
      </form>
    </Dialog>
  )
}

/** What is signed for is read before it is signed. */
function Opened({ ids }: { ids: readonly string[] }) {
  const t = useWords()
  const [locks] = useState(() => state.get().status?.locks ?? [])
  return (
    <ul>
      {ids.map((id) => {
        const lock = locks.find((each) => each.id === id)
        return (
          <li key={id}>
            <Id of={id} />{' '}
            {lock !== undefined && (
              <Text of={`${t(MODE_NAMES[lock.mode])} · ${scopeText(lock.scope, t)} · ${lock.reason}`} max={400} />
            )}
          </li>
        )
      })}
    </ul>
  )
}

function RevokeDialog({ session }: { session: string | undefined }) {
  const t = useWords()
  const [reason, setReason] = useState('')
  const [incident, setIncident] = useState(incidentNow)
  const giving = useGiving('revoked')
  const revoke = (): Promise<void> => {
    const whose =
      session === undefined ? { before: new Date(Date.now() + state.get().clockOffsetMs).toISOString() } : { session }
    return giving.run(() => give({ kind: 'revoke', ...whose, reason: reason.trim(), incident: incident.trim() }))
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
        <Ending giving={giving} name={t('revoke')} look="danger" />
      </form>
    </Dialog>
  )
}
