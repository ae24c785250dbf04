// One lock with its who, what, when and why, as it stands on every page: what it reaches, what passes it, what it came too late for.
import type { ImpactNumbers, LockView } from '../../../src/ports/control-api.ts'
import { gatewayNow } from '../api.ts'
import { useWords, type MessageKey, type Translate } from '../messages/messages.ts'
import { useTick } from '../store.ts'
import { spanText } from '../time.ts'
import { Id, MomentIn, Text } from './moment.tsx'

const SOURCES: Readonly<Record<LockView['source'], MessageKey>> = {
  order: 'sourceOrder',
  file: 'sourceFile',
  config: 'sourceConfig',
  freeze: 'sourceFreeze',
  drill: 'sourceDrill',
}

export const MODE_NAMES: Readonly<Record<LockView['mode'], MessageKey>> = {
  deny: 'deny',
  'read-only': 'readOnly',
  'step-up': 'stepUp',
  throttle: 'throttleMode',
  observe: 'observe',
}

const DIMENSIONS: Readonly<Record<Exclude<keyof LockView['scope'], 'all'>, MessageKey>> = {
  routes: 'routes',
  tags: 'tags',
  methods: 'methodsDim',
  upstreams: 'upstreamsDim',
  principals: 'principal',
  subjects: 'whose',
  sessions: 'sessions',
  clients: 'client',
  cidrs: 'networkDim',
  userAgents: 'agentsDim',
}

/** `Tags: pii · Networks: 10.0.0.0/8` */
export function scopeText(scope: LockView['scope'], t: Translate): string {
  if (scope.all === true) return t('everything')
  return Object.entries(DIMENSIONS)
    .flatMap(([name, key]) => {
      const list = scope[name as keyof typeof DIMENSIONS]
      return list === undefined ? [] : [`${t(key)}: ${list.join(', ')}`]
    })
    .join(' · ')
}

export function LockFacts({ lock }: { lock: LockView }) {
  const t = useWords()
  useTick(1000)
  const { mode, scope, reason, since, until, by, residual, thaw } = lock
  const now = gatewayNow()
  return (
    <>
      <h3>
        <span class="badge">{t(MODE_NAMES[mode])}</span> <Text of={scopeText(scope, t)} />
      </h3>
      <p>
        <Text of={reason} max={500} />
      </p>
      <p class="hint">
        <Id of={lock.id} /> · {t('incident')} <Text of={lock.incident} /> · {t(SOURCES[lock.source])}
        {by !== undefined && (
          <>
            {' '}
            · <Text of={t('by', { name: by })} />
          </>
        )}{' '}
        · <MomentIn text={t('since', { span: spanText(now - Date.parse(since), t) })} at={since} />
        {until !== undefined && <UntilText until={until} now={now} />}
        {isOrdered(lock) && (
          <>
            {' · '}
            <a href={`#/trail?order=${lock.id}`}>{t('itsRecord')}</a>
          </>
        )}
      </p>
      <p class="hint">{t('covers', { routes: lock.scope.all === true ? t('everything') : lock.covers.join(', ') })}</p>
      {residual !== undefined && residual.inFlight > 0 && (
        <p class={residual.maybeExecuted > 0 ? 'bad' : 'hint'}>{t('tooLate', { ...residual })}</p>
      )}
      {lock.observed !== undefined && <Observed observed={lock.observed} />}
      {(lock.exemptions ?? []).map((each) => (
        <p key={each.id} class="warn">
          <MomentIn text={t('exempted', { scope: scopeText(each.scope, t) })} at={each.until} />
        </p>
      ))}
      {thaw !== undefined && <ThawText thaw={thaw} />}
    </>
  )
}

/** Opened by order too; the others are opened where they stand. */
export function isOrdered({ source }: LockView): boolean {
  return source === 'order' || source === 'freeze'
}

function UntilText({ until, now }: { until: string; now: number }) {
  const t = useWords()
  const leftMs = Date.parse(until) - now
  return (
    <span class={leftMs > 0 ? '' : 'bad'}>
      {' '}
      · <MomentIn text={leftMs > 0 ? t('until', { span: spanText(leftMs, t) }) : t('past')} at={until} />
    </span>
  )
}

/** It refuses nothing: how many it would have refused, beside how many were expected. */
function Observed({ observed: { predicted, came } }: { observed: NonNullable<LockView['observed']> }) {
  const t = useWords()
  const numbers = ({ requests, sessions, subjects, addresses }: ImpactNumbers) => ({
    ...{ requests, sessions, people: subjects, addresses },
  })
  return (
    <p>
      {t('observedCame', numbers(came))}{' '}
      {predicted !== undefined && <span class="hint">{t('observedExpected', numbers(predicted))}</span>}
    </p>
  )
}

function ThawText({ thaw }: { thaw: NonNullable<LockView['thaw']> }) {
  const t = useWords()
  const { state, refrozen, stage, stages, next, deadline, owner } = thaw
  const isHeld = state === 'refrozen' || state === 'deadline'
  const text = isHeld
    ? t('refrozen', { why: refrozen?.why ?? t('deadlineMissed') })
    : state === 'stage'
      ? t('thawing', { n: stage ?? 0, total: stages.length })
      : t(state === 'open' ? 'thawDone' : 'thawAhead')
  return (
    <p class={isHeld ? 'bad' : 'good'}>
      <MomentIn text={text} at={refrozen?.at ?? next ?? deadline} /> · {t('owner')}: <Text of={owner} />
    </p>
  )
}
