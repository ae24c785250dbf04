// Sessions: which came, what each of them has read, and an end to any of them.
import { useEffect, useState } from 'preact/hooks'
import type { SessionsView } from '../../../src/ports/trail-search.ts'
import { ask, gatewayNow, type Problem } from '../api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { Moment, Text } from '../parts/moment.tsx'
import { openOverlay } from '../parts/overlays.ts'
import { OtherTrails } from '../parts/other-trails.tsx'
import { isPseudonym } from '../parts/scope-picker.tsx'
import { SessionRequests } from '../parts/session-requests.tsx'
import { placeOf } from '../router.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { spanText } from '../time.ts'

type Use = SessionsView['list'][number]

const KINDS = {
  recent: 'lookRecent',
  sessions: 'lookSession',
  principals: 'lookPrincipal',
  subjects: 'lookSubject',
  clients: 'lookClient',
  routes: 'lookRoute',
} as const satisfies Readonly<Record<string, MessageKey>>
type Kind = keyof typeof KINDS
const PEOPLE: readonly Kind[] = ['sessions', 'principals', 'subjects']

const HOUR_MS = 3_600_000
const SPANS = { '15m': HOUR_MS / 4, '1h': HOUR_MS, '24h': 24 * HOUR_MS, '7d': 7 * 24 * HOUR_MS } as const
type Span = keyof typeof SPANS
const ASKED_MAX = 1000
const SHOWN_MAX = 50

const ORDERS = {
  last: 'orderLast',
  people: 'orderPeople',
  reads: 'orderReads',
} as const satisfies Readonly<Record<string, MessageKey>>
type Order = keyof typeof ORDERS

/** What is looked for, as the API takes it: identifiers go in the body and are pseudonyms before anything is asked of the trail. */
function wantedOf(kind: Kind, value: string): object {
  if (kind === 'recent') return {}
  if (PEOPLE.includes(kind) && !isPseudonym(value)) return { identifiers: { [kind]: [value] } }
  return { [kind]: [value] }
}

export function SessionsPage() {
  const t = useWords()
  const asked = placeOf(useStore(state, (all) => all.route)).query.get('session') ?? ''
  const [kind, setKind] = useState<Kind>(asked === '' ? 'recent' : 'sessions')
  const [value, setValue] = useState(asked)
  const [span, setSpan] = useState<Span>('1h')
  const [found, setFound] = useState<SessionsView>()
  const [problem, setProblem] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const [order, setOrder] = useState<Order>('last')
  const shown = (found?.list ?? []).toSorted((a, b) => b[order] - a[order]).slice(0, SHOWN_MAX)
  const epoch = useStore(state, (all) => all.status?.epoch)
  const look = async (): Promise<void> => {
    setBusy(true)
    const wanted = wantedOf(kind, value.trim())
    const from = new Date(gatewayNow() - SPANS[span]).toISOString()
    const answer = await ask<SessionsView>('audit/sessions', { ...wanted, from, limit: ASKED_MAX })
    // An identifier does not stay in the page once it was asked for.
    if (PEOPLE.includes(kind) && !isPseudonym(value.trim())) setValue('')
    setBusy(false)
    setFound(answer.ok ? answer.body : undefined)
    setProblem(answer.ok ? undefined : answer.problem)
  }
  // At first, and whenever an order has changed what stands: a session may be revoked now.
  useEffect(() => {
    if (kind === 'recent' || isPseudonym(value.trim())) void look()
  }, [epoch])
  return (
    <>
      <h1>{t('sessions')}</h1>
      <form
        class="card"
        aria-labelledby="look-up"
        onSubmit={(event) => {
          event.preventDefault()
          void look()
        }}
      >
        <h2 id="look-up">{t('lookUp')}</h2>
        <div class="grid">
          <label>
            {t('lookBy')}
            <select name="look-by" value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
              {Object.entries(KINDS).map(([each, name]) => (
                <option key={each} value={each}>
                  {t(name)}
                </option>
              ))}
            </select>
          </label>
          {kind !== 'recent' && (
            <label>
              {t(KINDS[kind])}
              <LookFor kind={kind} value={value} onInput={setValue} />
              {PEOPLE.includes(kind) && <span class="hint">{t('lookHint')}</span>}
            </label>
          )}
          <label>
            {t('lookSpan')}
            <select name="look-span" value={span} onChange={(event) => setSpan(event.currentTarget.value as Span)}>
              {(Object.keys(SPANS) as readonly Span[]).map((each) => (
                <option key={each} value={each}>
                  {spanText(SPANS[each], t)}
                </option>
              ))}
            </select>
          </label>
          <label>
            {t('orderBy')}
            <select name="order-by" value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
              {Object.entries(ORDERS).map(([each, name]) => (
                <option key={each} value={each}>
                  {t(name)}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div class="actions">
          <button type="submit" class="primary" disabled={isBusy}>
            {t('lookUp')}
          </button>
          <button type="button" class="danger" onClick={() => openOverlay({ kind: 'revoke' })}>
            {t('revokeEvery')}
          </button>
        </div>
        <p class="hint">{t('onlyThisTrail')}</p>
        <OtherTrails />
      </form>
      <p role="status" data-sessions={found?.sessions}>
        {problem !== undefined && (
          <span class="bad">
            {problem.status === 403 ? t('searchRefused') : t('failed', { detail: problem.detail })}
          </span>
        )}
        {problem === undefined && isBusy && t('searching')}
        {found !== undefined && !isBusy && t('sessionsFound', { n: found.sessions, shown: shown.length })}
      </p>
      {shown.map((use) => (
        <Card key={use.session} use={use} />
      ))}
    </>
  )
}

/** A person's identifier is not to be read off the screen. */
function LookFor({ kind, value, onInput }: { kind: Kind; value: string; onInput: (value: string) => void }) {
  const common = {
    'data-focus': 'filter',
    name: 'look-for',
    required: true,
    autocomplete: 'off',
    value,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) => onInput(event.currentTarget.value),
  }
  const isHidden = PEOPLE.includes(kind) && !isPseudonym(value.trim())
  return isHidden ? <input type="password" {...common} /> : <input type="text" {...common} />
}

function Card({ use }: { use: Use }) {
  const t = useWords()
  const maySign = useStore(state, ({ session }) => session?.keyId !== undefined)
  const [isOpen, setOpen] = useState(false)
  const facts: readonly (readonly [MessageKey, string | number])[] = [
    ['reads', use.reads],
    ['people', use.people],
    ['refused', use.refused],
    ['addresses', use.addresses === 1 ? (use.client ?? 1) : use.addresses],
  ]
  return (
    <article class="card session" data-session={use.session} aria-label={t('revokeOne', { value: use.session })}>
      <h3>
        <code class="wrap">
          <Text of={use.session} />
        </code>{' '}
        <span class="badge">{use.otp ? t('withOtp') : t('withoutOtp')}</span>
        {use.revoked !== undefined && (
          <>
            {' '}
            <strong class="bad">
              {t('endedBy', { name: use.revoked.by })} <Moment at={use.revoked.since} />
            </strong>
          </>
        )}
      </h3>
      <dl class="facts">
        {facts.map(([name, count]) => (
          <div key={name} class="fact">
            <dt>{t(name)}</dt>
            <dd>
              <Text of={String(count)} />
            </dd>
          </div>
        ))}
      </dl>
      <p>
        <Moment at={use.first} /> – <Moment at={use.last} />
        {use.application !== undefined && (
          <>
            {' · '}
            <Text of={use.application} max={80} />
          </>
        )}
        {use.principal !== undefined && (
          <>
            {' · '}
            <code class="wrap">
              <Text of={use.principal} />
            </code>
          </>
        )}
      </p>
      <p>
        {t('routes')}: <Text of={use.routes.join(', ')} />
      </p>
      <div class="actions start">
        {maySign && use.revoked === undefined && (
          <button type="button" class="danger" onClick={() => openOverlay({ kind: 'revoke', session: use.session })}>
            {t('revokeSession')}
          </button>
        )}
        <button type="button" onClick={() => openOverlay({ kind: 'freeze', scope: { sessions: [use.session] } })}>
          {t('lockSession')}
        </button>
        <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {t('itsRequests')}
        </button>
      </div>
      {isOpen && <SessionRequests session={use.session} />}
    </article>
  )
}
