// Decisions as they come, the last quarter of an hour as lines, who and what is busiest, and what the detectors have found.
import { useMemo } from 'preact/hooks'
import { useWords } from '../messages/messages.ts'
import { Anomalies } from '../parts/anomalies.tsx'
import { ChangeList } from '../parts/changes.tsx'
import { RateChart } from '../parts/chart.tsx'
import { DecisionStream } from '../parts/decision-stream.tsx'
import { TopClients, TopCohorts, TopRoutes } from '../parts/top-lists.tsx'
import { state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { spanText } from '../time.ts'

/** A line has two ends; before that an axis would tell of no time at all. */
const POINTS_MIN = 2

export function LivePage() {
  const t = useWords()
  const seconds = useStore(state, (all) => all.seconds)
  const locks = useStore(state, (all) => all.status?.locks)
  const changes = useStore(state, (all) => all.changes)
  const landed = useMemo(() => (locks ?? []).map(({ since }) => Date.parse(since)), [locks])
  const changed = useMemo(() => changes.map(({ at }) => at), [changes])
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
      <Silence />
      <section class="card" aria-labelledby="rates">
        <h2 id="rates">{t('ratesTitle')}</h2>
        {seconds.length < POINTS_MIN ? (
          <p class="chart" role="status">
            {t('loading')}
          </p>
        ) : (
          <>
            <RateChart seconds={seconds} landed={landed} changed={changed} names={[t('allowed'), t('refused')]} />
            <p>{t('ratesTable', { allowed: mean(sum(true)), refused: mean(sum(false)) })}</p>
          </>
        )}
        <p class="hint">
          {t('ratesHint')} {t('onlyThisGateway')}
        </p>
        <ChangeList changes={changes} />
      </section>
      <Anomalies />
      <div class="columns">
        <TopRoutes />
        <TopClients />
      </div>
      <TopCohorts />
      <DecisionStream />
    </>
  )
}

/** Counters come each second, and a sign of life each quarter of a minute. */
const SILENT_MS = 20_000

/** The stream may fall silent while the state is still told. */
function Silence() {
  const t = useWords()
  useTick(1000)
  const { streamAt } = state.get()
  const silentMs = performance.now() - streamAt
  if (streamAt === 0 || silentMs <= SILENT_MS) return null
  return (
    <p class="alarm" role="alert">
      {t('streamSilent', { span: spanText(silentMs, t) })}
    </p>
  )
}
