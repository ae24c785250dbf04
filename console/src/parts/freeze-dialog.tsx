// Two deliberate actions: the dialog is opened, and the order is given. Between them stand the impact, the reason and the incident.
import { useState } from 'preact/hooks'
import type { LockMode } from '../../../src/core/lock.ts'
import type { LockScope } from '../../../src/core/scope.ts'
import { gatewayNow } from '../api.ts'
import { useWords } from '../messages/messages.ts'
import { give } from '../orders.ts'
import { state } from '../state.ts'
import { Dialog } from './dialog.tsx'
import { Impact } from './impact.tsx'
import { ProofPanel } from './proof.tsx'
import { draftOf, scopeOf, ScopePicker } from './scope-picker.tsx'

const REMEMBERED = 'portcullis.reasons'
const MODES = [
  ['deny', 'deny'],
  ['read-only', 'readOnly'],
  ['step-up', 'stepUp'],
  ['throttle', 'throttleMode'],
  ['observe', 'observe'],
] as const

function remembered(): readonly string[] {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(REMEMBERED) ?? '[]')
    return Array.isArray(list) ? list.filter((each) => typeof each === 'string') : []
  } catch {
    return []
  }
}

function remember(reason: string): void {
  localStorage.setItem(
    REMEMBERED,
    JSON.stringify([reason, ...remembered().filter((each) => each !== reason)].slice(0, 8)),
  )
}

/** The open incident, else that of the newest lock, else a new one by the gateway's clock. */
export function incidentNow(): string {
  const { status } = state.get()
  const open = status?.incidents?.findLast((each) => each.state === 'open')
  const locked = status?.locks.findLast((lock) => lock.source === 'order')
  return open?.id ?? locked?.incident ?? incidentMade()
}

export function incidentMade(): string {
  return `INC-${new Date(gatewayNow()).toISOString().slice(0, 16).replaceAll(/[-:]/g, '')}Z`
}

interface Words {
  readonly reason: string
  readonly incident: string
  readonly mode: string
  readonly ttl: string
}

function Fields({ words, onChange }: { words: Words; onChange: (words: Words) => void }) {
  const t = useWords()
  return (
    <>
      <div class="grid">
        <label>
          {t('reason')}
          <input
            name="reason"
            autofocus
            required
            maxLength={500}
            list="reasons"
            autocomplete="off"
            value={words.reason}
            onInput={(event) => onChange({ ...words, reason: event.currentTarget.value })}
          />
          <span class="hint">{t('reasonHint')}</span>
        </label>
        <label>
          {t('incident')}
          <input
            name="incident"
            required
            maxLength={100}
            autocomplete="off"
            value={words.incident}
            onInput={(event) => onChange({ ...words, incident: event.currentTarget.value })}
          />
        </label>
        <label>
          {t('mode')}
          <select
            name="mode"
            value={words.mode}
            onChange={(event) => onChange({ ...words, mode: event.currentTarget.value })}
          >
            {MODES.map(([value, name]) => (
              <option key={value} value={value}>
                {t(name)}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('ttl')}
          <input
            name="ttl"
            autocomplete="off"
            placeholder="2h"
            value={words.ttl}
            onInput={(event) => onChange({ ...words, ttl: event.currentTarget.value })}
          />
          <span class="hint">{t('ttlHint')}</span>
        </label>
      </div>
      <datalist id="reasons">
        {remembered().map((each) => (
          <option key={each} value={each} />
        ))}
      </datalist>
    </>
  )
}

interface Props {
  readonly scope: LockScope | undefined
  readonly mode: LockMode | undefined
  readonly onClose: () => void
}

export function FreezeDialog({ scope, mode: suggested, onClose }: Props) {
  const t = useWords()
  const [draft, setDraft] = useState(() => draftOf(scope))
  const [words, setWords] = useState<Words>(() => ({
    reason: remembered()[0] ?? '',
    incident: incidentNow(),
    mode: suggested ?? 'deny',
    ttl: '',
  }))
  const { reason, incident, mode, ttl } = words
  const [problem, setProblem] = useState('')
  const [phase, setPhase] = useState<'asking' | 'sending' | 'given'>('asking')
  const { session } = state.get()

  const act = async (): Promise<void> => {
    if (phase !== 'asking') return
    if (reason.trim() === '' || incident.trim() === '') {
      setProblem(t('needReason'))
      return
    }
    setPhase('sending')
    setProblem('')
    const signed = await scopeOf(draft)
    if (signed === 'empty' || 'problem' in signed) {
      setProblem(signed === 'empty' ? t('emptyScope') : t('refusedOrder', { detail: signed.problem }))
      setPhase('asking')
      return
    }
    remember(reason.trim())
    const lasting = ttl.trim() === '' ? {} : { ttl: ttl.trim() }
    const given = await give({
      kind: 'lock',
      scope: signed,
      mode,
      reason: reason.trim(),
      incident: incident.trim(),
      ...lasting,
    })
    if (given.outcome === 'refused') {
      setProblem(
        given.problem.code === 'unreachable'
          ? t('unreachable')
          : t('refusedOrder', { detail: given.problem.detail || given.problem.code }),
      )
      setPhase('asking')
    } else setPhase('given')
  }

  if (session?.keyId === undefined)
    return (
      <Dialog id="freeze" title={t('freezeTitle')} onClose={onClose}>
        <p>{t('noKeyHere')}</p>
        <pre>portcullis freeze --reason "…" --incident {incident} --wait</pre>
      </Dialog>
    )
  return (
    <Dialog id="freeze" title={t('freezeTitle')} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void act()
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
            event.preventDefault()
            void act()
          }
        }}
      >
        {phase !== 'given' && (
          <>
            <ScopePicker draft={draft} onChange={setDraft} />
            <Impact draft={draft} mode={mode} />
            <Fields words={words} onChange={setWords} />
            <p class="hint">{t('signedAs', { name: session.name ?? '' })}</p>
          </>
        )}
        {problem !== '' && (
          <p class="bad" role="alert">
            {problem}
          </p>
        )}
        {phase !== 'asking' && <ProofPanel />}
        <div class="actions">
          {phase === 'given' ? (
            <button type="button" onClick={onClose}>
              {t('close')}
            </button>
          ) : (
            <>
              <button type="button" class="quiet" onClick={onClose}>
                {t('cancel')}
              </button>
              <button type="submit" class="danger" disabled={phase === 'sending'}>
                {draft.all && mode === 'deny' ? t('freezeAll') : t('lockThis')}
              </button>
            </>
          )}
        </div>
      </form>
    </Dialog>
  )
}
