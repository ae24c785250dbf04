// What stands: locks with their who, what, when and why; what is to be mended; what has happened since the page was opened.
import type { LockView, StatusView } from '../../../src/ports/control-api.ts'
import { gatewayNow } from '../api.ts'
import { useWords } from '../messages/messages.ts'
import { give } from '../orders.ts'
import { FindingText } from '../parts/finding-text.tsx'
import { isOrdered, LockFacts, MODE_NAMES } from '../parts/lock-facts.tsx'
import { Moment, Text } from '../parts/moment.tsx'
import { Moments } from '../parts/moments.tsx'
import { openOverlay } from '../parts/overlays.ts'
import { ProofPanel } from '../parts/proof.tsx'
import { Suggestions } from '../parts/suggestions.tsx'
import { go } from '../router.ts'
import { state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { useFindings } from '../use-findings.ts'
import { spanText } from '../time.ts'

const WITHDRAW_MS = 60_000

export function StatePage() {
  const t = useWords()
  const status = useStore(state, (all) => all.status)
  if (status === undefined) return <p>{t('connecting')}</p>
  return (
    <>
      <h1>{t('state')}</h1>
      <ProofPanel />
      {status.problems.length > 0 && (
        <section class="card bad-edge" aria-labelledby="problems">
          <h2 id="problems">{t('problems')}</h2>
          <ul>
            {status.problems.map((problem) => (
              <li key={problem}>
                <Text of={problem} max={400} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {(status.suggestions ?? []).length > 0 && <Suggestions list={status.suggestions ?? []} />}
      <Suspected />
      <section aria-labelledby="locks">
        <h2 id="locks">
          {t('locks')} ({status.locks.length})
        </h2>
        {status.locks.length === 0 && <p class="card">{t('noLocks')}</p>}
        {status.locks.map((lock) => (
          <LockCard key={lock.id} lock={lock} />
        ))}
        <div class="actions start">
          <button type="button" onClick={() => openOverlay({ kind: 'explain' })}>
            {t('explain')} <kbd aria-hidden="true">x</kbd>
          </button>
        </div>
      </section>
      <div class="columns">
        <TrailCard status={status} />
        <DrillCard status={status} />
      </div>
      <Moments />
    </>
  )
}

const SUSPECT_MS = 15 * 60_000

/** The first page says that something is wrong, before anybody has looked for it. */
function Suspected() {
  const t = useWords()
  const answer = useFindings()
  const found = answer?.ok === true ? answer.body.anomalies : []
  const recent = found.filter(({ lastAt }) => gatewayNow() - lastAt < SUSPECT_MS)
  const [latest] = recent.toSorted((a, b) => b.lastAt - a.lastAt)
  if (latest === undefined) return null
  return (
    <section class="card bad-edge" aria-labelledby="suspected">
      <h2 id="suspected">
        {t('anomalies')} ({recent.length})
      </h2>
      <p>
        <FindingText detector={latest.detector} sentence={latest.sentence} />
      </p>
      <p class="hint">
        <Moment at={latest.lastAt} /> · <Text of={latest.route} /> ·{' '}
        <Text of={latest.application ?? latest.client} max={60} /> · <a href="#/live">{t('lookAtThem')}</a>
      </p>
    </section>
  )
}

function LockCard({ lock }: { lock: LockView }) {
  const t = useWords()
  useTick(1000)
  const session = useStore(state, (all) => all.session)
  const ageMs = gatewayNow() - Date.parse(lock.since)
  const isOwn = lock.by !== undefined && lock.by === session?.name && ageMs < WITHDRAW_MS
  return (
    <article class={`card lock mode-${lock.mode}`} aria-label={`${t(MODE_NAMES[lock.mode])} ${lock.id.slice(0, 8)}`}>
      <LockFacts lock={lock} />
      {isOrdered(lock) && session?.keyId !== undefined && (
        <div class="actions">
          {isOwn && lock.source === 'order' && (
            <button
              type="button"
              class="quiet"
              title={t('takeBackHint')}
              onClick={() => void give({ kind: 'release', locks: [lock.id], reason: 'taken back', withdraw: true })}
            >
              {t('takeBack')} ({t('seconds', { n: Math.ceil((WITHDRAW_MS - ageMs) / 1000) })})
            </button>
          )}
          <button
            type="button"
            class="quiet"
            onClick={() => openOverlay({ kind: 'freeze', scope: lock.scope, mode: lock.mode })}
          >
            {t('extend')}
          </button>
          <button type="button" class="quiet" onClick={() => go('release', { lock: lock.id })}>
            {t('proposeRelease')}
          </button>
        </div>
      )}
    </article>
  )
}

function TrailCard({ status: { audit } }: { status: StatusView }) {
  const t = useWords()
  const age = audit.checkpointAgeSeconds
  return (
    <section class={audit.healthy ? 'card' : 'card bad-edge'} aria-labelledby="trail-card">
      <h2 id="trail-card">{t('trailHealth')}</h2>
      <p>
        <strong class={audit.healthy ? 'good' : 'bad'}>{audit.healthy ? t('trailHealthy') : t('trailBroken')}</strong> ·{' '}
        {t('records', { n: audit.size })} ·{' '}
        {age === null ? t('noCheckpoint') : t('checkpointAge', { span: spanText(age * 1000, t) })}
      </p>
      <p class="hint">
        {t('keepKey')} <code class="wrap">{audit.vkey}</code>
      </p>
    </section>
  )
}

function DrillCard({ status: { drill } }: { status: StatusView }) {
  const t = useWords()
  const session = useStore(state, (all) => all.session)
  return (
    <section class="card" aria-labelledby="drill-card">
      <h2 id="drill-card">{t('drill')}</h2>
      <p>
        {drill === undefined
          ? t('noDrill')
          : t('drillBy', { span: spanText(drill.ageSeconds * 1000, t), name: drill.by })}
      </p>
      {session?.keyId !== undefined && (
        <button type="button" class="quiet" onClick={() => void give({ kind: 'drill' })}>
          {t('drillNow')}
        </button>
      )}
    </section>
  )
}
