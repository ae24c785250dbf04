// What stands: locks with their who, what, when and why; what is to be mended; what has happened since the page was opened.
import type { LockView, StatusView } from '../../../src/ports/control-api.ts'
import { gatewayNow } from '../api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { give } from '../orders.ts'
import { Id, Moment, Text } from '../parts/moment.tsx'
import { openOverlay } from '../parts/overlays.ts'
import { ProofPanel } from '../parts/proof.tsx'
import { go } from '../router.ts'
import { state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { spanText } from '../time.ts'

const WITHDRAW_MS = 60_000

const SOURCES: Readonly<Record<LockView['source'], MessageKey>> = {
  order: 'sourceOrder',
  file: 'sourceFile',
  config: 'sourceConfig',
  freeze: 'sourceFreeze',
  drill: 'sourceDrill',
}

const MODE_NAMES: Readonly<Record<LockView['mode'], MessageKey>> = {
  deny: 'deny',
  'read-only': 'readOnly',
  'step-up': 'stepUp',
  throttle: 'throttleMode',
  observe: 'observe',
}

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
      <section aria-labelledby="locks">
        <h2 id="locks">
          {t('locks')} ({status.locks.length})
        </h2>
        {status.locks.length === 0 && <p class="card">{t('noLocks')}</p>}
        {status.locks.map((lock) => (
          <LockCard key={lock.id} lock={lock} />
        ))}
      </section>
      <div class="columns">
        <TrailCard status={status} />
        <DrillCard status={status} />
      </div>
      <Moments />
    </>
  )
}

export function scopeText(scope: LockView['scope'], everything: string): string {
  if (scope.all === true) return everything
  return Object.entries(scope)
    .map(([name, list]) => `${name}: ${Array.isArray(list) ? list.join(', ') : ''}`)
    .join(' · ')
}

function LockCard({ lock }: { lock: LockView }) {
  const t = useWords()
  useTick(1000)
  const session = useStore(state, (all) => all.session)
  const now = gatewayNow()
  const ageMs = now - Date.parse(lock.since)
  const isOrdered = lock.source === 'order' || lock.source === 'freeze'
  const isOwn = lock.by !== undefined && lock.by === session?.name && ageMs < WITHDRAW_MS
  return (
    <article class={`card lock mode-${lock.mode}`} aria-label={`${t(MODE_NAMES[lock.mode])} ${lock.id.slice(0, 8)}`}>
      <h3>
        <span class="badge">{t(MODE_NAMES[lock.mode])}</span> <Text of={scopeText(lock.scope, t('everything'))} />
      </h3>
      <p>
        <Text of={lock.reason} max={500} />
      </p>
      <p class="hint">
        <Id of={lock.id} /> · {t('incident')} <Text of={lock.incident} /> · {t(SOURCES[lock.source])}
        {lock.by !== undefined && (
          <>
            {' '}
            · <Text of={t('by', { name: lock.by })} />
          </>
        )}{' '}
        · <SinceText since={lock.since} span={spanText(ageMs)} />
        {lock.until !== undefined && <UntilText until={lock.until} now={now} />}
        {isOrdered && (
          <>
            {' · '}
            <a href={`#/trail?order=${lock.id}`}>{t('itsRecord')}</a>
          </>
        )}
      </p>
      <p class="hint">{t('covers', { routes: lock.covers.join(', ') })}</p>
      {lock.thaw !== undefined && <ThawText thaw={lock.thaw} />}
      {isOrdered && session?.keyId !== undefined && (
        <div class="actions">
          {isOwn && lock.source === 'order' && (
            <button
              type="button"
              class="quiet"
              title={t('takeBackHint')}
              onClick={() => void give({ kind: 'release', locks: [lock.id], reason: 'taken back', withdraw: true })}
            >
              {t('takeBack')} ({Math.ceil((WITHDRAW_MS - ageMs) / 1000)} s)
            </button>
          )}
          <button type="button" class="quiet" onClick={() => openOverlay({ kind: 'freeze', scope: lock.scope })}>
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

function SinceText({ since, span }: { since: string; span: string }) {
  const t = useWords()
  const [before = '', after = ''] = t('since', { span }).split('{moment}')
  return (
    <>
      {before}
      <Moment at={since} />
      {after}
    </>
  )
}

function UntilText({ until, now }: { until: string; now: number }) {
  const t = useWords()
  const leftMs = Date.parse(until) - now
  const [before = '', after = ''] = (leftMs > 0 ? t('until', { span: spanText(leftMs) }) : t('past')).split('{moment}')
  return (
    <span class={leftMs > 0 ? '' : 'bad'}>
      {' '}
      · {before}
      <Moment at={until} />
      {after}
    </span>
  )
}

function ThawText({ thaw }: { thaw: NonNullable<LockView['thaw']> }) {
  const t = useWords()
  const { refrozen, stage, stages, next } = thaw
  const text =
    refrozen === undefined
      ? t('thawing', { n: stage ?? 0, total: stages.length })
      : t('refrozen', { why: refrozen.why })
  const [before = '', after = ''] = text.split('{moment}')
  return (
    <p class={refrozen === undefined ? 'good' : 'bad'}>
      {before}
      <Moment at={refrozen?.at ?? next ?? thaw.deadline} />
      {after}
    </p>
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
        {age === null ? t('noCheckpoint') : t('checkpointAge', { span: spanText(age * 1000) })}
      </p>
      <p class="hint">
        <code class="wrap">{audit.vkey}</code>
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
        {drill === undefined ? t('noDrill') : t('drillBy', { span: spanText(drill.ageSeconds * 1000), name: drill.by })}
      </p>
      {session?.keyId !== undefined && (
        <button type="button" class="quiet" onClick={() => void give({ kind: 'drill' })}>
          {t('drillNow')}
        </button>
      )}
    </section>
  )
}

const EVENT_NAMES = {
  lock: 'evLock',
  release: 'evRelease',
  proof: 'evProof',
  anomaly: 'evAnomaly',
} as const satisfies Readonly<Record<string, MessageKey>>

function Moments() {
  const t = useWords()
  const moments = useStore(state, (all) => all.moments)
  return (
    <section class="card" aria-labelledby="moments">
      <h2 id="moments">{t('happened')}</h2>
      {moments.length === 0 && <p>{t('nothingHappened')}</p>}
      <ol class="moments">
        {moments.slice(0, 30).map((moment) => (
          <li key={`${moment.at} ${moment.text}`}>
            <Moment at={moment.at} /> <span class="badge">{t(EVENT_NAMES[moment.kind])}</span> <Text of={moment.text} />
          </li>
        ))}
      </ol>
    </section>
  )
}
