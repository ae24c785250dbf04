// The state at a glance, on every page: told by word, sign and pattern, so that no eye needs the colour.
import type { StatusView } from '../../../src/ports/control-api.ts'
import { gatewayNow } from '../api.ts'
import { useWords, type Translate } from '../messages/messages.ts'
import { state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { spanText } from '../time.ts'
import { Text } from './moment.tsx'
import { openOverlay } from './overlays.ts'

/** Older than this, what is shown may be wrong. */
const STALE_MS = 6000

type Kind = 'open' | 'partly' | 'frozen' | 'unknown'

const SIGNS: Readonly<Record<Kind, string>> = { open: '○', partly: '◐', frozen: '■', unknown: '?' }

export function kindOf(status: StatusView | undefined): Kind {
  if (status === undefined) return 'unknown'
  if (status.frozen) return 'frozen'
  return status.locks.some(({ mode }) => mode !== 'observe') ? 'partly' : 'open'
}

function wordsOf(kind: Kind, status: StatusView | undefined, t: Translate): readonly [string, string] {
  switch (kind) {
    case 'open':
      return [t('open'), t('openHint')]
    case 'partly':
      return [t('partlyLocked'), t('partlyHint', { n: status?.locks.length ?? 0 })]
    case 'frozen':
      return [t('frozen'), t('frozenHint')]
    case 'unknown':
      return [t('unknownState'), t('unknownHint')]
  }
}

export function Banner() {
  const t = useWords()
  const status = useStore(state, (all) => all.status)
  const kind = kindOf(status)
  const [word, hint] = wordsOf(kind, status, t)
  return (
    <section class={`banner ${kind}`} aria-label={t('state')}>
      <p class="state" role="status">
        <span class="sign" aria-hidden="true">
          {SIGNS[kind]}
        </span>
        <strong>{word}</strong> <span class="hint">{hint}</span>
      </p>
      {status !== undefined && (
        <dl class="facts">
          <Fact name={t('epoch')}>{String(status.epoch)}</Fact>
          <Fact name={t('proven')} isBad={status.fleet.proven < status.fleet.total}>
            {t('provenOf', { n: status.fleet.proven, total: status.fleet.total })}
          </Fact>
          <Age />
          <IncidentClocks />
        </dl>
      )}
      <button type="button" class="danger" onClick={() => openOverlay({ kind: 'freeze' })}>
        {t('freeze')} <kbd aria-hidden="true">f</kbd>
      </button>
      <Staleness />
    </section>
  )
}

function Fact({
  name,
  isBad = false,
  children,
}: {
  name: string
  isBad?: boolean
  children: preact.ComponentChildren
}) {
  return (
    <div class={isBad ? 'fact bad' : 'fact'}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Age() {
  const t = useWords()
  useTick(1000)
  const heardAt = useStore(state, (all) => all.heardAt)
  const ageMs = performance.now() - heardAt
  return (
    <Fact name={t('dataAge')} isBad={ageMs > STALE_MS}>
      {t('ago', { span: spanText(ageMs, t) })}
    </Fact>
  )
}

function Staleness() {
  const t = useWords()
  useTick(1000)
  const { heardAt, connection } = state.get()
  const ageMs = performance.now() - heardAt
  const isCut = connection === 'lost' || connection === 'limited'
  if (heardAt === 0 || (!isCut && ageMs <= STALE_MS)) return null
  return (
    <p class="alarm" role="alert">
      {ageMs > STALE_MS && t('stale', { span: spanText(ageMs, t) })} {connection === 'lost' && t('lost')}
      {connection === 'limited' && t('limited')}
    </p>
  )
}

function IncidentClocks() {
  const t = useWords()
  useTick(1000)
  const incidents = useStore(state, (all) => all.status?.incidents)
  const now = gatewayNow()
  const running = (incidents ?? []).filter((each) => each.state === 'open')
  return (
    <>
      {running.flatMap((each) =>
        (['certIn', 'board'] as const).map((to) => {
          const due = Date.parse(to === 'certIn' ? each.certInDue : each.boardDue)
          if (each.reported[to] !== undefined) return null
          const leftMs = due - now
          return (
            <Fact
              key={`${each.id} ${to}`}
              name={t(to === 'certIn' ? 'reportDue' : 'boardDue')}
              isBad={leftMs < 3_600_000}
            >
              {leftMs > 0 ? t('dueIn', { span: spanText(leftMs, t) }) : t('overdue', { span: spanText(leftMs, t) })}{' '}
              <Text of={each.id} max={24} />
            </Fact>
          )
        }),
      )}
    </>
  )
}
