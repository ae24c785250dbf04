// Decisions as they come, the last quarter of an hour as lines, who and what is busiest, and what the detectors have found.
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { DecisionView, RatesView } from '../../../src/ports/control-api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { Anomalies } from '../parts/anomalies.tsx'
import { RateChart } from '../parts/chart.tsx'
import { Text } from '../parts/moment.tsx'
import { openOverlay } from '../parts/overlays.ts'
import { go, note, placeOf } from '../router.ts'
import { decisions, state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { clockText } from '../time.ts'
import { useAnswer } from '../use-answer.ts'

const ROWS_MAX = 60
const CLIENTS_MAX = 8

export const DECISION_NAMES: Readonly<Record<DecisionView['decision'], MessageKey>> = {
  allow: 'dAllow',
  locked: 'dLocked',
  unauthenticated: 'dUnauthenticated',
  forbidden: 'dForbidden',
  throttled: 'dThrottled',
  rejected: 'dRejected',
  error: 'dError',
}

export function LivePage() {
  const t = useWords()
  const seconds = useStore(state, (all) => all.seconds)
  const locks = useStore(state, (all) => all.status?.locks)
  const landed = useMemo(() => (locks ?? []).map(({ since }) => Date.parse(since)), [locks])
  const last = seconds.slice(-60)
  const sum = (isAllowed: boolean): number =>
    last.reduce(
      (total, { decisions: each }) =>
        total +
        Object.entries(each).reduce((n, [name, count]) => n + ((name === 'allow') === isAllowed ? count : 0), 0),
      0,
    )
  const mean = (total: number): string => (last.length === 0 ? '0' : (total / last.length).toFixed(1))
  return (
    <>
      <h1>{t('live')}</h1>
      <section class="card" aria-labelledby="rates">
        <h2 id="rates">{t('ratesTitle')}</h2>
        <RateChart seconds={seconds} landed={landed} names={[t('allowed'), t('refused')]} />
        <p>{t('ratesTable', { allowed: mean(sum(true)), refused: mean(sum(false)) })}</p>
        <p class="hint">
          {t('ratesHint')} {t('onlyThisGateway')}
        </p>
      </section>
      <Anomalies />
      <div class="columns">
        <TopRoutes />
        <TopClients />
      </div>
      <Stream />
    </>
  )
}

function TopRoutes() {
  const t = useWords()
  const [round, setRound] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setRound((n) => n + 1), 5000)
    return () => clearInterval(timer)
  }, [])
  const answer = useAnswer<RatesView>(`rates?${round}`)
  const [kept, setKept] = useState<RatesView['routes']>([])
  useEffect(() => {
    if (answer?.ok === true) setKept(answer.body.routes)
  }, [answer])
  return (
    <section class="card" aria-labelledby="top-routes">
      <h2 id="top-routes">{t('topRoutes')}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('route')}</th>
            <th scope="col">{t('allowed')}</th>
            <th scope="col">{t('refused')}</th>
          </tr>
        </thead>
        <tbody>
          {kept.slice(0, 10).map(({ route, allowed, refused }) => (
            <tr key={route}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  onClick={() => openOverlay({ kind: 'freeze', scope: { routes: [route] } })}
                >
                  <Text of={route} />
                </button>
              </th>
              <td>{allowed}</td>
              <td>{refused}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function TopClients() {
  const t = useWords()
  useTick(1000)
  const counts = new Map<string, { all: number; refused: number; people: Set<string> }>()
  for (const { client, decision, subjects = [] } of decisions.list) {
    const count = counts.get(client) ?? { all: 0, refused: 0, people: new Set<string>() }
    count.all += 1
    if (decision !== 'allow') count.refused += 1
    for (const subject of subjects) count.people.add(subject)
    counts.set(client, count)
  }
  const top = [...counts].toSorted((a, b) => b[1].all - a[1].all).slice(0, CLIENTS_MAX)
  return (
    <section class="card" aria-labelledby="top-clients">
      <h2 id="top-clients">{t('topClients')}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('client')}</th>
            <th scope="col">{t('requests')}</th>
            <th scope="col">{t('refused')}</th>
            <th scope="col">{t('people')}</th>
          </tr>
        </thead>
        <tbody>
          {top.map(([client, { all, refused, people }]) => (
            <tr key={client}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  onClick={() => openOverlay({ kind: 'freeze', scope: { cidrs: [networkOf(client)] } })}
                >
                  <Text of={client} />
                </button>
              </th>
              <td>{all}</td>
              <td>{refused}</td>
              <td>{people.size}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

const networkOf = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`

/** Words that must all stand in the row; `field:text` must stand in that field. */
export function matches(decision: DecisionView, filter: string): boolean {
  const fields = decision as unknown as Readonly<Record<string, unknown>>
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
    .every((word) => {
      const [, field = '', text = ''] = /^(\w+):(.*)$/.exec(word) ?? []
      if (field !== '' && field in fields) return String(fields[field]).toLowerCase().startsWith(text)
      if (field !== '' && ['route', 'status', 'client', 'decision', 'method', 'lock'].includes(field)) return false
      return Object.values(fields).join(' ').toLowerCase().includes(word)
    })
}

function Stream() {
  const t = useWords()
  const session = useStore(state, (all) => all.session)
  const zone = useStore(state, (all) => all.zone)
  const [filter, setFilter] = useState(() => placeOf(location.hash).query.get('q') ?? '')
  const [paused, setPaused] = useState<{ readonly list: readonly DecisionView[]; readonly seen: number }>()
  useTick(paused === undefined ? 250 : 1000)
  useEffect(() => {
    const toggle = (): void =>
      setPaused((before) => (before === undefined ? { list: decisions.list, seen: decisions.seen } : undefined))
    addEventListener('portcullis:pause', toggle)
    return () => removeEventListener('portcullis:pause', toggle)
  }, [])
  const list = paused?.list ?? decisions.list
  const rows: DecisionView[] = []
  for (const each of list) {
    if (rows.length >= ROWS_MAX) break
    if (matches(each, filter)) rows.push(each)
  }
  const maySee = session?.role !== 'viewer' && session?.role !== 'machine'
  return (
    <section>
      <h2 id="stream">{t('decisions')}</h2>
      {!maySee && <p class="card">{t('viewerSees')}</p>}
      <div class="bar">
        <label class="grow">
          {t('filter')}
          <input
            data-focus="filter"
            type="search"
            value={filter}
            onInput={(event) => {
              setFilter(event.currentTarget.value)
              note('live', { q: event.currentTarget.value })
            }}
          />
          <span class="hint">{t('filterHint')}</span>
        </label>
        <button
          type="button"
          aria-pressed={paused !== undefined}
          onClick={() => dispatchEvent(new Event('portcullis:pause'))}
        >
          {paused === undefined ? t('pause') : t('goOn')} <kbd aria-hidden="true">p</kbd>
        </button>
      </div>
      <p class="hint" role="status">
        {paused === undefined
          ? t('shown', { n: rows.length, total: decisions.seen, untold: decisions.untold })
          : t('paused', { n: decisions.seen - paused.seen })}
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label={t('decisions')}>
        <table class="stream">
          <thead>
            <tr>
              <th scope="col">{t('time')}</th>
              <th scope="col">{t('decision')}</th>
              <th scope="col">{t('status')}</th>
              <th scope="col">{t('method')}</th>
              <th scope="col">{t('path')}</th>
              <th scope="col">{t('route')}</th>
              <th scope="col">{t('client')}</th>
              <th scope="col">{t('act')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.id} class={row.decision === 'allow' ? '' : 'no'}>
                <td>{clockText(row.time, zone)}</td>
                <td>
                  {row.decision === 'allow' ? '✓ ' : '✗ '}
                  {t(DECISION_NAMES[row.decision])}
                </td>
                <td>{row.status ?? ''}</td>
                <td>
                  <Text of={row.method} max={10} />
                </td>
                <td>
                  <code>
                    <Text of={row.path} max={60} />
                  </code>
                </td>
                <td>
                  <Text of={row.route ?? '–'} max={40} />
                </td>
                <td>
                  <Text of={row.client} max={45} />
                </td>
                <td>{paused !== undefined && <Act row={row} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p>{t('noDecisions')}</p>}
      </div>
    </section>
  )
}

/** While paused: rows that run away cannot be aimed at. */
function Act({ row }: { row: DecisionView }) {
  const t = useWords()
  return (
    <select
      aria-label={t('actOn', { id: row.id })}
      value=""
      onChange={(event) => {
        const { value } = event.currentTarget
        event.currentTarget.value = ''
        if (value === 'route') openOverlay({ kind: 'freeze', scope: { routes: [row.route ?? ''] } })
        else if (value === 'client') openOverlay({ kind: 'freeze', scope: { cidrs: [networkOf(row.client)] } })
        else if (value === 'person') openOverlay({ kind: 'freeze', scope: { subjects: row.subjects ?? [] } })
        else if (value === 'session') openOverlay({ kind: 'revoke', session: row.session ?? '' })
        else if (value === 'look') go('sessions', { session: row.session ?? '' })
      }}
    >
      <option value="">{t('act')}</option>
      {row.route !== undefined && <option value="route">{t('lockRoute')}</option>}
      <option value="client">{t('lockClient')}</option>
      {row.subjects !== undefined && <option value="person">{t('lockPerson')}</option>}
      {row.session !== undefined && <option value="look">{t('lookAtSession')}</option>}
      {row.session !== undefined && <option value="session">{t('revokeSession')}</option>}
    </select>
  )
}
