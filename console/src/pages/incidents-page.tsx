// Incidents: both clocks, what was locked under each, and what has been reported to whom.
import { useState } from 'preact/hooks'
import type { IncidentView } from '../../../src/ports/control-api.ts'
import { gatewayNow } from '../api.ts'
import { useWords } from '../messages/messages.ts'
import { give, type Given } from '../orders.ts'
import { incidentMade } from '../parts/freeze-dialog.tsx'
import { Moment, Text } from '../parts/moment.tsx'
import { MomentInput } from '../parts/moment-input.tsx'
import { Twice } from '../parts/twice.tsx'
import { fileName, shellWord } from '../shell.ts'
import { state } from '../state.ts'
import { useStore, useTick } from '../store.ts'
import { spanText } from '../time.ts'

const MINUTE_MS = 60_000

export function IncidentsPage() {
  const t = useWords()
  const incidents = useStore(state, (all) => all.status?.incidents)
  const session = useStore(state, (all) => all.session)
  const [problem, setProblem] = useState('')
  const tell = (given: Given): void => {
    setProblem(given.outcome === 'refused' ? t('refusedOrder', { detail: given.problem.detail }) : '')
  }
  const maySign = session?.keyId !== undefined
  return (
    <>
      <h1>{t('incidents')}</h1>
      {problem !== '' && (
        <p class="bad" role="alert">
          {problem}
        </p>
      )}
      {incidents === undefined && <p class="card">{t('incidentsAbsent')}</p>}
      {incidents?.length === 0 && <p class="card">{t('noIncidents')}</p>}
      {incidents?.toReversed().map((incident) => (
        <IncidentCard key={incident.id} incident={incident} onGiven={maySign ? tell : undefined} />
      ))}
      {maySign && incidents !== undefined && <OpenIncident onGiven={tell} />}
    </>
  )
}

function IncidentCard({
  incident,
  onGiven,
}: {
  incident: IncidentView
  onGiven: ((given: Given) => void) | undefined
}) {
  const t = useWords()
  const isOpen = incident.state === 'open'
  const mark = (action: string): void =>
    void give({ kind: 'incident', incident: incident.id, action, reason: action }).then(onGiven)
  return (
    <article class={isOpen ? 'card bad-edge' : 'card'} aria-label={incident.id}>
      <h2>
        <Text of={incident.id} /> <span class="badge">{t(isOpen ? 'isOpen' : 'isClosed')}</span>
      </h2>
      {incident.title !== undefined && (
        <p>
          <Text of={incident.title} max={300} />
        </p>
      )}
      <p>
        {t('noticedAt')}: <Moment at={incident.noticedAt} />{' '}
        {incident.noticedFrom === 'order' && <span class="bad">({t('noticedFromLock')})</span>}
      </p>
      <dl class="facts">
        <Clock name={t('reportDue')} due={incident.certInDue} reported={incident.reported.certIn} />
        <Clock name={t('boardDue')} due={incident.boardDue} reported={incident.reported.board} />
      </dl>
      <p class="hint">{t('incidentLocks', { n: incident.locks.length })}</p>
      <p class="hint">
        <span>{t('reportCli', { command: '' })}</span>{' '}
        <code class="wrap">
          portcullis incident report {shellWord(incident.id)} --dir AUDIT_DIR --out {fileName(incident.id)} --control{' '}
          {location.origin} --key YOUR.key
        </code>
      </p>
      {isOpen && onGiven !== undefined && (
        <div class="actions start">
          {incident.reported.certIn === undefined && (
            <Twice label={t('markCertIn')} onDo={() => mark('reported-cert-in')} />
          )}
          {incident.reported.board === undefined && (
            <Twice label={t('markBoard')} onDo={() => mark('reported-board')} />
          )}
          <Twice label={t('closeIncident')} onDo={() => mark('close')} />
        </div>
      )}
    </article>
  )
}

function Clock({ name, due, reported }: { name: string; due: string; reported: string | undefined }) {
  const t = useWords()
  useTick(1000)
  const leftMs = Date.parse(due) - gatewayNow()
  const [before = '', after = ''] = t('reported').split('{moment}')
  return (
    <div class={reported === undefined && leftMs < 3_600_000 ? 'fact bad' : 'fact'}>
      <dt>{name}</dt>
      <dd>
        {reported === undefined ? (
          <>
            {leftMs > 0 ? t('dueIn', { span: spanText(leftMs, t) }) : t('overdue', { span: spanText(leftMs, t) })} (
            <Moment at={due} />)
          </>
        ) : (
          <>
            {before}
            <Moment at={reported} />
            {after}
          </>
        )}
      </dd>
    </div>
  )
}

/** As exact as the field that shows it. */
function minuteNow(): number {
  return Math.floor(gatewayNow() / MINUTE_MS) * MINUTE_MS
}

function OpenIncident({ onGiven }: { onGiven: (given: Given) => void }) {
  const t = useWords()
  const [id, setId] = useState(incidentMade)
  const [title, setTitle] = useState('')
  const [noticed, setNoticed] = useState<number | undefined>(minuteNow)
  return (
    <form
      class="card"
      aria-labelledby="open-incident"
      onSubmit={(event) => {
        event.preventDefault()
        void give({
          kind: 'incident',
          incident: id.trim(),
          action: 'open',
          noticedAt: new Date(noticed ?? minuteNow()).toISOString(),
          reason: title.trim(),
        }).then(onGiven)
      }}
    >
      <h2 id="open-incident">{t('openIncident')}</h2>
      <div class="grid">
        <label>
          {t('incident')}
          <input
            name="incident-id"
            required
            maxLength={100}
            value={id}
            onInput={(event) => setId(event.currentTarget.value)}
          />
        </label>
        <label>
          {t('title')}
          <input
            name="incident-title"
            required
            maxLength={300}
            value={title}
            onInput={(event) => setTitle(event.currentTarget.value)}
          />
        </label>
        <MomentInput label="noticedAtField" name="noticed" at={noticed} onChange={setNoticed} hint="noticedHint" />
      </div>
      <div class="actions">
        <button type="submit" class="primary">
          {t('openIt')}
        </button>
      </div>
    </form>
  )
}
