// Who and what is busiest: routes, clients, and the client stacks that a crowd of addresses has in common. Each can be locked from here.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { LockScope } from '../../../src/core/scope.ts'
import type { CohortView, RatesView } from '../../../src/ports/live-views.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { decisions, state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { useAnswer } from '../use-answer.ts'
import { Text } from './moment.tsx'
import { openOverlay } from './overlays.ts'
import { networkOf, useRoutes } from './scope-picker.tsx'
import { Heads } from './table.tsx'

const ROUTES_MAX = 10
const CLIENTS_MAX = 8
const RATES_EVERY_MS = 5000

export function TopRoutes() {
  const t = useWords()
  const [round, setRound] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setRound((n) => n + 1), RATES_EVERY_MS)
    return () => clearInterval(timer)
  }, [])
  const answer = useAnswer<RatesView>(`rates?${round}`)
  const routes = useRoutes()
  const [kept, setKept] = useState<RatesView['routes']>([])
  useEffect(() => {
    if (answer?.ok === true) setKept(answer.body.routes)
  }, [answer])
  return (
    <TopList
      id="top-routes"
      title="topRoutes"
      columns={['route', 'allowed', 'refused']}
      isEmpty={kept.length === 0}
      hint={answer?.ok === false && <span class="bad">{t('failed', { detail: answer.problem.detail })}</span>}
    >
      {kept.slice(0, ROUTES_MAX).map(({ route, allowed, refused }) => {
        const isKnown = routes.some(({ id }) => id === route)
        return (
          <Row
            key={route}
            scope={isKnown ? { routes: [route] } : undefined}
            numbers={[allowed, refused]}
            label={t('lockRoute')}
          >
            {route === 'none' && !isKnown ? t('noRoute') : <Text of={route} />}
          </Row>
        )
      })}
    </TopList>
  )
}

export function TopClients() {
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
    <TopList
      id="top-clients"
      title="topClients"
      columns={['client', 'requests', 'refused', 'people']}
      isEmpty={top.length === 0}
    >
      {top.map(([client, { all, refused, people }]) => (
        <Row
          key={client}
          scope={{ cidrs: [networkOf(client)] }}
          numbers={[all, refused, people.size]}
          label={t('lockClient')}
        >
          <Text of={client} />
        </Row>
      ))}
    </TopList>
  )
}

export function TopCohorts() {
  const t = useWords()
  const found = useStore(state, (all) => all.cohorts)
  const role = useStore(state, (all) => all.session?.role)
  const mayNotSee = role === 'viewer' || role === 'machine'
  return (
    <TopList
      id="top-cohorts"
      title="topCohorts"
      columns={['cohort', 'requests', 'refused', 'addressCount', 'people']}
      isEmpty={found === undefined || found.cohorts.length === 0}
      hint={
        <>
          {mayNotSee ? t('viewerSees') : t('cohortsHint')}
          {found !== undefined && found.others.requests > 0 && ` ${t('cohortsOthers', found.others)}`}
        </>
      }
    >
      {found?.cohorts.map((cohort) => (
        <Row
          key={`${cohort.agent}\n${cohort.fields}`}
          scope={scopeOfCohort(cohort)}
          numbers={[cohort.requests, cohort.refused, cohort.addresses, cohort.people]}
          label={t('lockAgent')}
          beside={<Text of={cohort.fields} max={160} />}
        >
          {cohort.agent === '' ? t('noAgent') : <Text of={cohort.agent} max={120} />}
        </Row>
      ))}
    </TopList>
  )
}

const AGENT_LENGTH_MAX = 256

/** What a lock can name of a stack is its user agent: undefined where nothing of it is told apart from all others. */
function scopeOfCohort({ agent }: Pick<CohortView, 'agent'>): LockScope | undefined {
  if (!/\p{L}/u.test(agent)) return undefined
  const isCut = agent.length >= AGENT_LENGTH_MAX
  return { userAgents: [`${agent}${isCut ? '*' : ''}`.replaceAll(/[#…*]+/g, '*')] }
}

interface TopListProps {
  readonly id: string
  readonly title: MessageKey
  readonly columns: readonly MessageKey[]
  readonly isEmpty: boolean
  readonly hint?: ComponentChildren
  readonly children: ComponentChildren
}

function TopList({ id, title, columns, isEmpty, hint, children }: TopListProps) {
  const t = useWords()
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>{t(title)}</h2>
      {isEmpty ? (
        <p>{t('noneYet')}</p>
      ) : (
        <div class="wide" tabIndex={0} role="region" aria-labelledby={id}>
          <table class="top">
            <Heads of={columns} />
            <tbody>{children}</tbody>
          </table>
        </div>
      )}
      {hint !== undefined && hint !== false && <p class="hint">{hint}</p>}
    </section>
  )
}

interface RowProps {
  readonly scope: LockScope | undefined
  readonly numbers: readonly number[]
  /** What the name does when it is pressed. */
  readonly label: string
  readonly beside?: ComponentChildren
  readonly children: ComponentChildren
}

function Row({ scope, numbers, label, beside, children }: RowProps) {
  return (
    <tr>
      <th scope="row">
        {scope === undefined ? (
          children
        ) : (
          <button type="button" class="link" title={label} onClick={() => openOverlay({ kind: 'freeze', scope })}>
            {children}
          </button>
        )}
        {beside !== undefined && <span class="hint beside">{beside}</span>}
      </th>
      {numbers.map((number, index) => (
        <td key={index}>{number}</td>
      ))}
    </tr>
  )
}
