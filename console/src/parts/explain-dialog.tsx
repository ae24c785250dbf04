// Why a request is refused, or is not: every lock that reaches it, what each does, and which of them decides. Nothing is sent through.
import { useEffect, useState } from 'preact/hooks'
import type { ExplanationView } from '../../../src/ports/control-api.ts'
import type { DecisionView } from '../../../src/ports/live-views.ts'
import { ask } from '../api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { state } from '../state.ts'
import { clockText } from '../time.ts'
import { DECISION_NAMES } from './decision-names.ts'
import { Dialog } from './dialog.tsx'
import { Explanation } from './explanation.tsx'
import { Text } from './moment.tsx'
import { MomentInput } from './moment-input.tsx'
import { closeOverlay } from './overlays.ts'
import { isPseudonym, pseudonymsOf, useRoutes } from './scope-picker.tsx'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Fields of people: identifiers are replaced by pseudonyms before anything is asked. */
const PEOPLE = { subjects: 'subject', principal: 'principal', session: 'session' } as const
type PersonField = keyof typeof PEOPLE
const PERSON_FIELDS = Object.keys(PEOPLE) as readonly PersonField[]

type TextField = Exclude<keyof Words, 'openedAt'>

interface Words extends Readonly<Record<PersonField, string>> {
  readonly route: string
  readonly path: string
  readonly method: string
  readonly address: string
  readonly userAgent: string
  readonly client: string
  /** Epoch milliseconds. */
  readonly openedAt: number | undefined
}

function wordsOf(of: DecisionView | undefined): Words {
  return {
    route: of?.route ?? '',
    path: '',
    method: of?.method ?? 'GET',
    address: of?.client ?? '',
    userAgent: '',
    client: '',
    subjects: (of?.subjects ?? []).join(' '),
    principal: of?.principal ?? '',
    session: of?.session ?? '',
    openedAt: undefined,
  }
}

type Named = { readonly words: Words } | { readonly problem: string }

/** What names a person is a pseudonym from here on, in the form too. */
async function namedOf(words: Words): Promise<Named> {
  let named = words
  for (const field of PERSON_FIELDS) {
    const values = words[field].split(/[\s,]+/).filter((each) => each !== '')
    if (values.every(isPseudonym)) continue
    const found = await pseudonymsOf(PEOPLE[field], values)
    if ('problem' in found) return found
    named = { ...named, [field]: found.join(' ') }
  }
  return { words: named }
}

function bodyOf(words: Words): object {
  const { route, path, method, client, subjects, openedAt } = words
  const given = (name: 'address' | 'userAgent' | 'principal' | 'session') =>
    words[name].trim() === '' ? {} : { [name]: words[name].trim() }
  const list = (text: string) => text.split(/[\s,]+/).filter((each) => each !== '')
  return {
    ...(route === '' ? { path: path.trim() } : { route }),
    method,
    ...given('address'),
    ...given('userAgent'),
    ...given('principal'),
    ...given('session'),
    subjects: list(subjects),
    ...(list(client).length === 0 ? {} : { clients: list(client) }),
    ...(openedAt === undefined ? {} : { openedAt: new Date(openedAt).toISOString() }),
  }
}

export function ExplainDialog({ of }: { of?: DecisionView | undefined }) {
  const t = useWords()
  const [words, setWords] = useState(() => wordsOf(of))
  const [said, setSaid] = useState('')
  const [found, setFound] = useState<ExplanationView>()
  const look = async (): Promise<void> => {
    setSaid(t('searching'))
    setFound(undefined)
    const named = await namedOf(words)
    if ('problem' in named) {
      setSaid(t('failed', { detail: named.problem }))
      return
    }
    setWords(named.words)
    const answer = await ask<ExplanationView>('explain', bodyOf(named.words))
    setSaid(
      answer.ok
        ? ''
        : answer.problem.status === 403
          ? t('explainRefused')
          : t('failed', { detail: answer.problem.detail }),
    )
    if (answer.ok) setFound(answer.body)
  }
  // Of a row there is nothing left to say.
  useEffect(() => {
    if (of?.route !== undefined) void look()
  }, [])
  return (
    <Dialog id="explain" title={t('explainTitle')} onClose={closeOverlay}>
      {of !== undefined && <Row of={of} />}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void look()
        }}
      >
        {of === undefined && <p class="hint">{t('explainHint')}</p>}
        <Fields words={words} onChange={setWords} isOpen={of === undefined} />
        <div class="actions">
          <button type="button" class="quiet" onClick={closeOverlay}>
            {t('close')}
          </button>
          <button type="submit" class="primary">
            {t('explainAsk')}
          </button>
        </div>
      </form>
      <p role="status" class={said === '' || said === t('searching') ? '' : 'bad'}>
        {said}
      </p>
      {found !== undefined && <Explanation of={found} />}
    </Dialog>
  )
}

/** The request that one comes from, as it was decided then. */
function Row({ of }: { of: DecisionView }) {
  const t = useWords()
  const { zone } = state.get()
  return (
    <p>
      {clockText(of.time, zone)} · <Text of={of.method} max={10} />{' '}
      <code class="wrap">
        <Text of={of.path} max={120} />
      </code>{' '}
      · <strong class={of.decision === 'allow' ? 'good' : 'bad'}>{t(DECISION_NAMES[of.decision])}</strong>
      {of.status !== undefined && ` · ${of.status}`}
      {of.reason !== undefined && (
        <>
          {' · '}
          {t('itsReason')}: <code>{of.reason}</code>
        </>
      )}
    </p>
  )
}

function Fields({ words, onChange, isOpen }: { words: Words; onChange: (words: Words) => void; isOpen: boolean }) {
  const t = useWords()
  const routes = useRoutes()
  const field = (name: TextField, label: MessageKey, more: Readonly<Record<string, unknown>> = {}) => (
    <label key={name}>
      {t(label)}
      <input
        name={`explain-${name}`}
        autocomplete="off"
        spellcheck={false}
        maxLength={1000}
        value={words[name]}
        onInput={(event) => onChange({ ...words, [name]: event.currentTarget.value })}
        {...more}
      />
    </label>
  )
  const ids = routes.map(({ id }) => id)
  return (
    <>
      <div class="grid">
        <label>
          {t('route')}
          <select
            name="explain-route"
            value={words.route}
            onChange={(event) => onChange({ ...words, route: event.currentTarget.value })}
          >
            <option value="">{t('byPath')}</option>
            {[...ids, ...(words.route === '' || ids.includes(words.route) ? [] : [words.route])].map((id) => (
              <option key={id}>{id}</option>
            ))}
          </select>
        </label>
        {words.route === '' && field('path', 'path', { required: true, placeholder: '/api/v2/…', autofocus: true })}
        <label>
          {t('method')}
          <select
            name="explain-method"
            value={words.method}
            onChange={(event) => onChange({ ...words, method: event.currentTarget.value })}
          >
            {[...METHODS, ...(METHODS.includes(words.method) ? [] : [words.method])].map((method) => (
              <option key={method}>{method}</option>
            ))}
          </select>
        </label>
        {field('address', 'address', { placeholder: '203.0.113.9' })}
      </div>
      <details open={isOpen}>
        <summary>{t('whoAsks')}</summary>
        <p class="hint">{t('lookHint')}</p>
        <div class="grid">
          {field('subjects', 'subjects')}
          {field('principal', 'principalsDim')}
          {field('session', 'sessionsDim')}
          {field('client', 'clients')}
          {field('userAgent', 'agentsDim')}
          <MomentInput
            label="openedAt"
            name="explain-openedAt"
            at={words.openedAt}
            onChange={(openedAt) => onChange({ ...words, openedAt })}
            isRequired={false}
          />
        </div>
      </details>
    </>
  )
}
