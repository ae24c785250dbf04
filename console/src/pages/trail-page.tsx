// The trail: what is known of an identifier, and any record with its proof computed in this page.
import { useState } from 'preact/hooks'
import type { MissingTrail } from '../../../src/core/people-lines.ts'
import { ask, gatewayNow, type Problem } from '../api.ts'
import { askWhose } from '../fleet-question.ts'
import { useWords, type Translate } from '../messages/messages.ts'
import { Text } from '../parts/moment.tsx'
import { MomentInput } from '../parts/moment-input.tsx'
import { OneRecord } from '../parts/one-record.tsx'
import { OtherTrails } from '../parts/other-trails.tsx'
import { Records, type RecordPage } from '../parts/records.tsx'
import { useRoutes } from '../parts/scope-picker.tsx'
import { WideTable } from '../parts/table.tsx'
import { unknownNames, type Unknown } from '../trail-names.ts'

const DAY_MS = 86_400_000
const FOUND_MAX = 200

export function TrailPage() {
  const t = useWords()
  return (
    <>
      <h1>{t('trail')}</h1>
      <Search />
      <Whose />
      <OneRecord />
    </>
  )
}

function Search() {
  const t = useWords()
  const [kind, setKind] = useState<'subject' | 'principal' | 'session'>('subject')
  const [identifier, setIdentifier] = useState('')
  const [from, setFrom] = useState<number | undefined>(() => gatewayNow() - DAY_MS)
  const [to, setTo] = useState<number | undefined>(() => gatewayNow() + 60_000)
  const [pseudonym, setPseudonym] = useState('')
  const [said, setSaid] = useState('')
  const [found, setFound] = useState<RecordPage['records']>()
  const search = async (): Promise<void> => {
    setSaid(t('searching'))
    setFound(undefined)
    const named = await ask<{ readonly pseudonyms: readonly string[] }>('pseudonyms', {
      kind,
      values: [identifier.trim()],
    })
    // Only the pseudonym is kept in the page from here on.
    setIdentifier('')
    const name = named.ok ? (named.body.pseudonyms[0] ?? '') : ''
    setPseudonym(name)
    if (!named.ok) {
      setSaid(saidOf(named.problem, t))
      return
    }
    const answer = await ask<RecordPage>('audit/search', {
      [kind]: name,
      from,
      to,
      limit: FOUND_MAX,
    })
    if (!answer.ok) {
      setSaid(saidOf(answer.problem, t))
      return
    }
    const { records: list, next } = answer.body
    setFound(list)
    const said = next !== undefined ? 'foundFirst' : list.length === 0 ? 'noneFound' : 'found'
    setSaid(t(said, { n: list.length }))
  }
  return (
    <form
      class="card"
      aria-labelledby="search"
      onSubmit={(event) => {
        event.preventDefault()
        void search()
      }}
    >
      <h2 id="search">{t('searchTitle')}</h2>
      <div class="grid">
        <label>
          {t('identifier')}
          <input
            data-focus="filter"
            name="identifier"
            required
            type="password"
            autocomplete="off"
            maxLength={256}
            value={identifier}
            onInput={(event) => setIdentifier(event.currentTarget.value)}
          />
          <span class="hint">{t('identifierHint')}</span>
        </label>
        <label>
          {t('kindOfId')}
          <select name="kind" value={kind} onChange={(event) => setKind(event.currentTarget.value as typeof kind)}>
            <option value="subject">{t('kindSubject')}</option>
            <option value="principal">{t('kindPrincipal')}</option>
            <option value="session">{t('kindSession')}</option>
          </select>
        </label>
        <MomentInput label="fromTime" name="from" at={from} onChange={setFrom} />
        <MomentInput label="toTime" name="to" at={to} onChange={setTo} />
      </div>
      <div class="actions">
        <button type="submit" class="primary">
          {t('search')}
        </button>
      </div>
      <OtherTrails />
      <p role="status">
        {pseudonym !== '' && (
          <code class="wrap">
            <Text of={t('pseudonym', { value: pseudonym })} />
          </code>
        )}{' '}
        {said}
      </p>
      {found !== undefined && found.length > 0 && (
        <Records
          label={t('found', { n: found.length })}
          columns={['decision', 'route', 'client', 'principal']}
          records={found}
        />
      )}
    </form>
  )
}

function saidOf(problem: Problem, t: Translate): string {
  if (problem.status === 404) return t('searchAbsent')
  if (problem.status === 403) return t('searchRefused')
  return t('failed', { detail: problem.detail })
}

interface Person {
  readonly subject: string
  readonly reads: number
  readonly withoutOtp: number
}

interface WhoseBody {
  readonly reads: number
  readonly withoutOtp: number
  readonly unnamed: number
  readonly subjects: number
  readonly list: readonly Person[]
  /** Of a fleet. */
  readonly trails?: readonly unknown[]
  readonly missing?: readonly MissingTrail[]
  readonly keys?: readonly unknown[]
}

function Whose() {
  const t = useWords()
  const routes = useRoutes()
  const [route, setRoute] = useState('')
  const [client, setClient] = useState('')
  const [said, setSaid] = useState('')
  const [found, setFound] = useState<WhoseBody>()
  const [unknown, setUnknown] = useState<readonly Unknown[]>([])
  const look = async (): Promise<void> => {
    setFound(undefined)
    setUnknown([])
    if (route === '' && client.trim() === '') {
      setSaid(t('needRouteOrClient'))
      return
    }
    setSaid(t('searching'))
    const asked = {
      ...(route === '' ? {} : { routes: [route] }),
      ...(client.trim() === '' ? {} : { clients: [client.trim()] }),
    }
    const answer = await askWhose<WhoseBody>(asked, 100)
    if (answer.ok) {
      const { subjects, reads, withoutOtp, unnamed } = answer.body
      setSaid(t('whoseFound', { subjects, reads, unnamed, without: withoutOtp }))
      setFound(answer.body)
      if (reads === 0) setUnknown(await unknownNames(asked))
    } else setSaid(saidOf(answer.problem, t))
  }
  return (
    <form
      class="card"
      aria-labelledby="whose"
      onSubmit={(event) => {
        event.preventDefault()
        void look()
      }}
    >
      <h2 id="whose">{t('whose')}</h2>
      <p class="hint">{t('whoseHint')}</p>
      <div class="grid">
        <label>
          {t('route')}
          <select name="whose-route" value={route} onChange={(event) => setRoute(event.currentTarget.value)}>
            <option value="">–</option>
            {routes.map(({ id }) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t('whoseClient')}
          <input
            name="whose-client"
            autocomplete="off"
            value={client}
            onInput={(event) => setClient(event.currentTarget.value)}
          />
        </label>
      </div>
      <div class="actions">
        <button type="submit">{t('whose')}</button>
      </div>
      <p role="status" data-whose={found?.subjects}>
        {said}
      </p>
      <UnknownNames list={unknown} />
      {found !== undefined && <Trails of={found} />}
      {found !== undefined && found.list.length > 0 && <Subjects list={found.list} />}
      {found !== undefined && found.list.length < found.subjects && (
        <p class="hint">{t('morePeople', { n: found.subjects - found.list.length })}</p>
      )}
    </form>
  )
}

function UnknownNames({ list }: { list: readonly Unknown[] }) {
  const t = useWords()
  return list.map(({ list: kind, name, near }) => (
    <p key={kind} class="bad" role="alert" data-unknown={kind}>
      <Text of={t(kind === 'routes' ? 'noSuchRoute' : 'noSuchClient', { name })} max={400} />{' '}
      {near !== undefined && <Text of={t('meant', { name: near })} max={400} />}
    </p>
  ))
}

/** How many gateways have answered, and which have not. */
function Trails({ of: { trails = [], missing = [], keys = [] } }: { of: WhoseBody }) {
  const t = useWords()
  return (
    <>
      {trails.length > 0 && <p data-trails={trails.length}>{t('trailsAnswered', { n: trails.length })}</p>}
      {keys.length > 1 && <p class="warn">{t('namesByKeys', { n: keys.length })}</p>}
      {missing.length > 0 && (
        <div role="alert" class="bad" data-missing={missing.length}>
          <p>{t('trailsMissing', { n: missing.length })}</p>
          <ul>
            {missing.map(({ gateway, why }) => (
              <li key={gateway}>
                <code>
                  <Text of={gateway} />
                </code>
                {': '}
                <Text of={why} max={200} />
              </li>
            ))}
          </ul>
        </div>
      )}
    </>
  )
}

function Subjects({ list }: { list: readonly Person[] }) {
  const t = useWords()
  return (
    <WideTable label={t('people')} heads={['people', 'reads', 'withoutOtp']}>
      {list.map((each) => (
        <tr key={each.subject}>
          <th scope="row">
            <code>
              <Text of={each.subject} />
            </code>
          </th>
          <td>{each.reads}</td>
          <td>{each.withoutOtp}</td>
        </tr>
      ))}
    </WideTable>
  )
}
