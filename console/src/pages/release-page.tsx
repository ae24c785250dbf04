// Hard out: what is proposed, who has signed, who is waited for; and a proposal of one's own, at once or in stages.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PendingRelease, ResponderView, ThawStageView } from '../../../src/ports/control-api.ts'
import { useAnswer } from '../use-answer.ts'
import type { ThawMetric } from '../../../src/core/thaw.ts'
import { useWords, type MessageKey, type Translate } from '../messages/messages.ts'
import { give } from '../orders.ts'
import { scopeText } from '../parts/lock-facts.tsx'
import { Id, Moment, Text } from '../parts/moment.tsx'
import { openOverlay } from '../parts/overlays.ts'
import { KIND_NAMES, Reach, SignedBy } from '../parts/proposal.tsx'
import { ProofPanel } from '../parts/proof.tsx'
import { ROLE_NAMES } from '../parts/role-names.ts'
import { SaidLine, useGiving } from '../parts/said.tsx'
import { StageEditor, thawOf, type Plan } from '../parts/stage-editor.tsx'
import { placeOf } from '../router.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { spanText } from '../time.ts'

export function ReleasePage() {
  const t = useWords()
  const status = useStore(state, (all) => all.status)
  const responders = useAnswer<{ readonly responders: readonly ResponderView[] }>('responders')
  if (status === undefined) return <p>{t('connecting')}</p>
  const people = responders?.ok === true ? responders.body.responders : []
  return (
    <>
      <h1>{t('release')}</h1>
      <ProofPanel />
      <section aria-labelledby="proposals">
        <h2 id="proposals">{t('proposals')}</h2>
        {status.pendingReleases.length === 0 && <p class="card">{t('noProposals')}</p>}
        {status.pendingReleases.map((proposal) => (
          <ProposalCard key={proposal.id} proposal={proposal} people={people} />
        ))}
        <p class="hint">{t('browserRule')}</p>
      </section>
      {status.locks.some(({ source }) => source === 'order' || source === 'freeze') && <NewProposal people={people} />}
    </>
  )
}

function ProposalCard({ proposal, people }: { proposal: PendingRelease; people: readonly ResponderView[] }) {
  const t = useWords()
  const session = useStore(state, (all) => all.session)
  const names = proposal.approvals.map((name) => name.split('#')[0] ?? '')
  const others = people
    .filter(({ name, role, retired }) => role === 'commander' && retired === undefined && !names.includes(name))
    .map(({ name }) => name)
  const hasSigned = session?.name !== undefined && names.includes(session.name)
  const awaited = Math.max(1, proposal.required - proposal.approvals.length)
  return (
    <article class="card" aria-label={t(KIND_NAMES[proposal.kind])}>
      <h3>
        <span class="badge">{t(KIND_NAMES[proposal.kind])}</span> <Text of={proposal.reason} max={300} />
      </h3>
      <p class="hint">
        <Id of={proposal.id} /> · <Moment at={proposal.since} />
      </p>
      {proposal.responder !== undefined && (
        <p>
          <Text
            of={`${proposal.responder.name}${proposal.responder.keyId === undefined ? '' : `#${proposal.responder.keyId}`}`}
          />{' '}
          · {proposal.responder.role !== undefined && t(ROLE_NAMES[proposal.responder.role])}{' '}
          <code class="wrap">{proposal.responder.key ?? ''}</code>
        </p>
      )}
      {proposal.locks.length > 0 && (
        <p>
          {t('opens')}:{' '}
          {proposal.locks.map((id, index) => (
            <span key={id}>
              {index > 0 && ', '}
              <Id of={id} />
            </span>
          ))}
        </p>
      )}
      <Reach proposal={proposal} />
      <Stages stages={proposal.stages ?? []} />
      <SeenTo proposal={proposal} />
      <SignedBy proposal={proposal} />
      <p>
        <strong>{t('waitsFor', { n: awaited, names: [...new Set(others)].join(', ') || t('waitsForAnyone') })}</strong>
      </p>
      <p class="hint">
        <code class="wrap">portcullis approve {proposal.id}</code>
      </p>
      {session?.keyId !== undefined && (
        <div class="actions">
          {hasSigned && <span class="hint">{t('ownProposal')}</span>}
          {!hasSigned && session.role !== 'commander' && <span class="hint">{t('notCommander')}</span>}
          {!hasSigned && session.role === 'commander' && (
            <button type="button" class="primary" onClick={() => openOverlay({ kind: 'approve', proposal })}>
              {t('approve')}
            </button>
          )}
        </div>
      )}
    </article>
  )
}

function stageText(stage: ThawStageView, t: Translate): string {
  switch (stage.passes) {
    case 'probes':
      return t('stageProbes')
    case 'read-only':
      return t('stageReadOnly')
    case 'percent':
      return t('stagePercent', { n: stage.percent ?? 0 })
    case 'all':
      return t('stageAll')
  }
}

function Stages({ stages }: { stages: readonly ThawStageView[] }) {
  const t = useWords()
  if (stages.length === 0) return null
  return (
    <ol class="stages">
      {stages.map((stage, index) => (
        <li key={String(index)}>
          {stageText(stage, t)} · {spanText(stage.forMs, t)}
        </li>
      ))}
    </ol>
  )
}

const METRIC_NAMES: Readonly<Record<ThawMetric, MessageKey>> = {
  'error-share': 'metricErrors',
  'refusal-share': 'metricRefusals',
  anomalies: 'metricAnomalies',
  requests: 'metricRequests',
}

/** Who sees to a thaw plan, and what ends it early: the second person signs for that too. */
function SeenTo({ proposal: { owner, deadlineMs, refreezeOn = [] } }: { proposal: PendingRelease }) {
  const t = useWords()
  if (owner === undefined || deadlineMs === undefined) return null
  return (
    <p>
      <Text of={t('thawSeenTo', { name: owner, span: spanText(deadlineMs, t) })} />
      {refreezeOn.map(
        ({ metric, above }) => ` · ${t('refreezesOn', { metric: t(METRIC_NAMES[metric] ?? 'anomalies'), above })}`,
      )}
    </p>
  )
}

function NewProposal({ people }: { people: readonly ResponderView[] }) {
  const t = useWords()
  const status = useStore(state, (all) => all.status)
  const session = useStore(state, (all) => all.session)
  const linked = placeOf(location.hash).query.get('lock')
  const form = useRef<HTMLFormElement>(null)
  // Whoever comes from a lock has come for this form, and it may stand below the screen.
  useEffect(() => {
    if (linked !== null) form.current?.querySelector('input')?.focus()
  }, [linked])
  const [chosen, setChosen] = useState<readonly string[]>(linked === null ? [] : [linked])
  const [reason, setReason] = useState('')
  const [plan, setPlan] = useState<Plan>()
  const { said, isBusy, run } = useGiving()
  const locks = (status?.locks ?? []).filter(({ source }) => source === 'order' || source === 'freeze')
  if (session?.keyId === undefined)
    return (
      <section class="card">
        <h2>{t('newProposal')}</h2>
        <p>{t('noKeyHere')}</p>
        <pre>portcullis release --all --reason "…"</pre>
      </section>
    )
  const propose = (): Promise<void> => {
    const checkpoint = status?.audit.checkpoint
    return run(() =>
      give({
        kind: 'release',
        locks: chosen,
        reason: reason.trim(),
        epoch: status?.epoch,
        ...(checkpoint === undefined ? {} : { checkpoint }),
        ...(plan === undefined ? {} : { thaw: thawOf(plan) }),
      }),
    )
  }
  return (
    <form
      class="card"
      ref={form}
      aria-labelledby="new-proposal"
      onSubmit={(event) => {
        event.preventDefault()
        void propose()
      }}
    >
      <h2 id="new-proposal">{t('newProposal')}</h2>
      <fieldset>
        <legend>{t('chooseLocks')}</legend>
        {locks.map((lock) => (
          <label key={lock.id} class="row">
            <input
              type="checkbox"
              checked={chosen.includes(lock.id)}
              onChange={(event) =>
                setChosen(event.currentTarget.checked ? [...chosen, lock.id] : chosen.filter((id) => id !== lock.id))
              }
            />{' '}
            <Id of={lock.id} /> <Text of={scopeText(lock.scope, t)} /> · <Text of={lock.reason} max={80} />
          </label>
        ))}
      </fieldset>
      <label>
        {t('reason')}
        <input
          name="release-reason"
          required
          maxLength={500}
          autocomplete="off"
          value={reason}
          onInput={(event) => setReason(event.currentTarget.value)}
        />
      </label>
      <StageEditor plan={plan} onChange={setPlan} people={people} own={session.name ?? ''} />
      <SaidLine said={said} />
      <div class="actions">
        <button type="submit" class="primary" disabled={isBusy || chosen.length === 0}>
          {t('propose')}
        </button>
      </div>
    </form>
  )
}
