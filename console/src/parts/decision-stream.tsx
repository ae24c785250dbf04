// Decisions as they come: filtered by the address of the page, paused, and acted on.
import { useEffect, useState } from 'preact/hooks'
import type { DecisionView } from '../../../src/ports/live-views.ts'
import { useWords } from '../messages/messages.ts'
import { go, note, placeOf } from '../router.ts'
import { decisions, state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { clockText } from '../time.ts'
import { DECISION_NAMES } from './decision-names.ts'
import { Text } from './moment.tsx'
import { openOverlay } from './overlays.ts'
import { networkOf } from './scope-picker.tsx'
import { WideTable } from './table.tsx'

const ROWS_MAX = 60

/** Words that must all stand in the row; `field:text` must stand in that field. */
function matches(decision: DecisionView, filter: string): boolean {
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

export function DecisionStream() {
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
      <WideTable
        label={t('decisions')}
        class="stream"
        heads={['time', 'decision', 'status', 'method', 'path', 'route', 'client', 'act']}
        after={rows.length === 0 && <p>{t('noDecisions')}</p>}
      >
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
      </WideTable>
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
        if (value === 'explain') openOverlay({ kind: 'explain', of: row })
        else if (value === 'route') openOverlay({ kind: 'freeze', scope: { routes: [row.route ?? ''] } })
        else if (value === 'client') openOverlay({ kind: 'freeze', scope: { cidrs: [networkOf(row.client)] } })
        else if (value === 'person') openOverlay({ kind: 'freeze', scope: { subjects: row.subjects ?? [] } })
        else if (value === 'session') openOverlay({ kind: 'revoke', session: row.session ?? '' })
        else if (value === 'look') go('sessions', { session: row.session ?? '' })
      }}
    >
      <option value="">{t('act')}</option>
      {row.route !== undefined && <option value="explain">{t('explainWhy')}</option>}
      {row.route !== undefined && <option value="route">{t('lockRoute')}</option>}
      <option value="client">{t('lockClient')}</option>
      {row.subjects !== undefined && <option value="person">{t('lockPerson')}</option>}
      {row.session !== undefined && <option value="look">{t('lookAtSession')}</option>}
      {row.session !== undefined && <option value="session">{t('revokeSession')}</option>}
    </select>
  )
}
