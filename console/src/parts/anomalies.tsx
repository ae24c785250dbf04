// What the detectors have found, each in its own sentence, with what it counted and against which limit; answered or locked from here.
import type { LockScope } from '../../../src/core/scope.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { useFindings, type Finding } from '../use-findings.ts'
import { FindingText } from './finding-text.tsx'
import { Moment, Text } from './moment.tsx'
import { openOverlay } from './overlays.ts'
import { networkOf } from './scope-picker.tsx'

const SHOWN_MAX = 20

export function Anomalies() {
  const t = useWords()
  const answer = useFindings()
  const found = answer?.ok === true ? answer.body.anomalies : []
  return (
    <section class="card" aria-labelledby="anomalies">
      <h2 id="anomalies">{t('anomalies')}</h2>
      {answer?.ok === false && answer.problem.status === 403 && <p class="hint">{t('viewerSees')}</p>}
      {answer?.ok === false && answer.problem.status !== 403 && (
        <p class="hint">{t('failed', { detail: answer.problem.detail })}</p>
      )}
      {answer?.ok === true && found.length === 0 && <p>{t('noAnomalies')}</p>}
      <ul class="plain">
        {found.slice(0, SHOWN_MAX).map((each) => (
          <Row key={each.id} finding={each} />
        ))}
      </ul>
      {found.length > SHOWN_MAX && <p class="hint">{t('moreAnomalies', { n: found.length - SHOWN_MAX })}</p>}
    </section>
  )
}

function Row({ finding }: { finding: Finding }) {
  const t = useWords()
  const maySign = useStore(state, ({ session }) => session?.keyId !== undefined)
  const { detector, sentence, value, limit, count, session, route, id } = finding
  return (
    <li class="finding" data-anomaly={id}>
      <p>
        <span class="badge">
          <Text of={detector} max={40} />
        </span>{' '}
        <FindingText detector={detector} sentence={sentence} />
      </p>
      <p class="hint">
        <Moment at={finding.lastAt} />
        {count > 1 && <> · {t('metTimes', { n: count })}</>}
        {value !== undefined && limit !== undefined && <> · {t('ofLimit', { value, limit })}</>}
        {' · '}
        <Text of={route} /> · <Text of={finding.application ?? finding.client} max={60} /> ·{' '}
        <Answered by={finding.answer} />
      </p>
      <div class="actions start">
        {maySign && (
          <button type="button" onClick={() => openOverlay({ kind: 'answer', anomaly: id, detector, sentence })}>
            {t('answerFinding')}
          </button>
        )}
        <button type="button" onClick={() => openOverlay({ kind: 'freeze', scope: callerOf(finding) })}>
          {t('lockCaller')}
        </button>
        <button type="button" onClick={() => openOverlay({ kind: 'freeze', scope: { routes: [route] } })}>
          {t('lockRoute')}
        </button>
        {session !== undefined && <a href={`#/sessions?session=${session}`}>{t('lookAtSession')}</a>}
      </div>
    </li>
  )
}

const ANSWERS: Readonly<Record<string, MessageKey>> = {
  delay: 'didDelay',
  'step-up': 'didStepUp',
  refuse: 'didRefuse',
  revoke: 'didRevoke',
  lock: 'didLock',
}

function Answered({ by }: { by: string }) {
  const t = useWords()
  const name = ANSWERS[by]
  if (by === 'observe') return <>{t('onlyObserved')}</>
  return <>{t('wasAnswered', { answer: name === undefined ? by : t(name) })}</>
}

/** The narrowest that stops this caller: their person on any session, else their address. */
function callerOf({ principal, session, client }: Finding): LockScope {
  if (principal !== undefined) return { principals: [principal] }
  if (session !== undefined) return { sessions: [session] }
  return { cidrs: [networkOf(client)] }
}
