// What the detectors have found, each in its own sentence; accepted or locked from here.
import { useEffect, useState } from 'preact/hooks'
import type { LockScope } from '../../../src/core/scope.ts'
import { ask, type Answer } from '../api.ts'
import { useWords } from '../messages/messages.ts'
import { acceptAnomaly } from '../orders.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { Moment, Text } from './moment.tsx'
import { openOverlay } from './overlays.ts'

/** As far as the page needs it; whatever else an anomaly has is left alone. */
interface Anomaly {
  readonly id?: string
  readonly at?: string | number
  readonly time?: string | number
  readonly detector?: string
  readonly sentence?: string
  readonly route?: string
  readonly scope?: LockScope
}

const EVERY_MS = 5000

export function Anomalies() {
  const t = useWords()
  const [answer, setAnswer] = useState<Answer<unknown>>()
  const [accepted, setAccepted] = useState<readonly string[]>([])
  const [problem, setProblem] = useState('')
  const maySign = useStore(state, ({ session }) => session?.keyId !== undefined)
  useEffect(() => {
    const look = (): void => void ask<unknown>('anomalies').then(setAnswer)
    look()
    const timer = setInterval(look, EVERY_MS)
    addEventListener('portcullis:anomaly', look)
    return () => {
      clearInterval(timer)
      removeEventListener('portcullis:anomaly', look)
    }
  }, [])
  const accept = async (id: string): Promise<void> => {
    const failed = await acceptAnomaly(id)
    if (failed === undefined) setAccepted([...accepted, id])
    setProblem(failed === undefined ? '' : t('refusedOrder', { detail: failed.detail || failed.code }))
  }
  const keyOf = ({ id, detector, sentence }: Anomaly): string => id ?? `${detector ?? ''} ${sentence ?? ''}`
  const found = listOf(answer).filter((each) => !accepted.includes(keyOf(each)))
  return (
    <section class="card" aria-labelledby="anomalies">
      <h2 id="anomalies">{t('anomalies')}</h2>
      {answer?.ok === false && answer.problem.status === 404 && <p class="hint">{t('anomaliesAbsent')}</p>}
      {answer?.ok === false && answer.problem.status !== 404 && (
        <p class="hint">{t('failed', { detail: answer.problem.detail })}</p>
      )}
      {answer?.ok === true && found.length === 0 && <p>{t('noAnomalies')}</p>}
      {problem !== '' && <p class="bad">{problem}</p>}
      <ul class="plain">
        {found.slice(0, 20).map((each) => (
          <li key={keyOf(each)}>
            <span class="badge">
              <Text of={each.detector ?? '?'} max={40} />
            </span>{' '}
            {(each.at ?? each.time) !== undefined && <Moment at={each.at ?? each.time ?? 0} />}{' '}
            <Text of={each.sentence ?? ''} max={300} />
            <span class="actions start">
              {maySign && each.id !== undefined && (
                <button type="button" class="quiet" onClick={() => void accept(each.id ?? '')}>
                  {t('accept')}
                </button>
              )}
              <button type="button" class="quiet" onClick={() => openOverlay({ kind: 'freeze', scope: scopeOf(each) })}>
                {t('lockFrom')}
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function scopeOf({ scope, route }: Anomaly): LockScope {
  if (scope !== undefined) return scope
  return route === undefined ? { all: true } : { routes: [route] }
}

function listOf(answer: Answer<unknown> | undefined): readonly Anomaly[] {
  if (answer?.ok !== true || typeof answer.body !== 'object' || answer.body === null) return []
  const { anomalies } = answer.body as { readonly anomalies?: unknown }
  const list: unknown = Array.isArray(answer.body) ? answer.body : anomalies
  return Array.isArray(list) ? (list as readonly Anomaly[]) : []
}
