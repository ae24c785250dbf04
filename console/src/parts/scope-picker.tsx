// What a lock reaches: everything, or routes, tags, clients, networks, people, sessions.
import { useEffect, useState } from 'preact/hooks'
import type { LockScope } from '../../../src/core/scope.ts'
import { ask } from '../api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { Text } from './moment.tsx'

export interface RouteView {
  readonly id: string
  readonly path: string
  readonly methods: readonly string[]
  readonly tags: readonly string[]
}

/** What is chosen. `subjects` are identifiers until they are signed. */
export interface Draft {
  readonly all: boolean
  readonly routes: readonly string[]
  readonly tags: readonly string[]
  readonly lists: Readonly<Record<ListName, string>>
}

const LISTS = {
  clients: 'clients',
  cidrs: 'networks',
  subjects: 'subjects',
  principals: 'principalsDim',
  sessions: 'sessionsDim',
  methods: 'methodsDim',
  upstreams: 'upstreamsDim',
  userAgents: 'agentsDim',
} as const satisfies Readonly<Partial<Record<keyof LockScope, MessageKey>>>
type ListName = keyof typeof LISTS
const LIST_NAMES = Object.keys(LISTS) as readonly ListName[]
/** Seldom wanted: behind one more touch, unless something stands in them. */
const RARE: readonly ListName[] = ['methods', 'upstreams', 'userAgents']
const PEOPLE = { subjects: 'subject', principals: 'principal', sessions: 'session' } as const

export function draftOf(scope: LockScope | undefined): Draft {
  const text = (list: readonly string[] | undefined): string => (list ?? []).join('\n')
  return {
    all: scope === undefined || scope.all === true,
    routes: scope?.routes ?? [],
    tags: scope?.tags ?? [],
    lists: Object.fromEntries(LIST_NAMES.map((name) => [name, text(scope?.[name])])) as Record<ListName, string>,
  }
}

/** The network of one address. */
export const networkOf = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`

/** A user agent may have commas of its own. */
const linesOf = (name: ListName, text: string): readonly string[] =>
  text
    .split(name === 'userAgents' ? '\n' : /[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
const PSEUDONYM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{20,}$/

export function isPseudonym(text: string): boolean {
  return PSEUDONYM.test(text)
}

/** The scope as it is signed; identifiers of people are replaced by pseudonyms first. `empty`: it names nothing. */
export async function scopeOf(draft: Draft): Promise<LockScope | 'empty' | { readonly problem: string }> {
  if (draft.all) return { all: true }
  const lists: Partial<Record<ListName, readonly string[]>> = {}
  for (const name of LIST_NAMES) {
    const lines = linesOf(name, draft.lists[name])
    if (lines.length === 0) continue
    const named = name in PEOPLE ? await pseudonymsOf(PEOPLE[name as keyof typeof PEOPLE], lines) : lines
    if ('problem' in named) return named
    lists[name] = named
  }
  const scope: LockScope = {
    ...(draft.routes.length === 0 ? {} : { routes: draft.routes }),
    ...(draft.tags.length === 0 ? {} : { tags: draft.tags }),
    ...lists,
  }
  return Object.keys(scope).length === 0 ? 'empty' : scope
}

/** What is a pseudonym stays; identifiers become some. */
export async function pseudonymsOf(
  kind: string,
  lines: readonly string[],
): Promise<readonly string[] | { readonly problem: string }> {
  const values = lines.filter((each) => !isPseudonym(each))
  if (values.length === 0) return lines
  const answer = await ask<{ readonly pseudonyms: readonly string[] }>('pseudonyms', { kind, values })
  return answer.ok
    ? [...lines.filter((each) => isPseudonym(each)), ...answer.body.pseudonyms]
    : { problem: answer.problem.detail }
}

export function useRoutes(): readonly RouteView[] {
  const [routes, setRoutes] = useState<readonly RouteView[]>([])
  useEffect(() => {
    void ask<{ readonly routes: readonly RouteView[] }>('routes').then((answer) => {
      if (answer.ok) setRoutes(answer.body.routes)
    })
  }, [])
  return routes
}

export function ScopePicker({ draft, onChange }: { draft: Draft; onChange: (draft: Draft) => void }) {
  const t = useWords()
  const routes = useRoutes()
  const tags = [...new Set(routes.flatMap((route) => route.tags))].sort()
  const toggled = (list: readonly string[], item: string): readonly string[] =>
    list.includes(item) ? list.filter((each) => each !== item) : [...list, item]
  const list = (name: ListName) => (
    <label key={name}>
      {t(LISTS[name])}
      <textarea
        name={name}
        rows={2}
        autocomplete="off"
        spellcheck={false}
        value={draft.lists[name]}
        onInput={(event) => onChange({ ...draft, lists: { ...draft.lists, [name]: event.currentTarget.value } })}
      />
    </label>
  )
  return (
    <fieldset>
      <legend>{t('scope')}</legend>
      <div class="choice">
        <label>
          <input type="radio" name="scope" checked={draft.all} onChange={() => onChange({ ...draft, all: true })} />{' '}
          {t('everything')}
        </label>
        <label>
          <input type="radio" name="scope" checked={!draft.all} onChange={() => onChange({ ...draft, all: false })} />{' '}
          {t('aPart')}
        </label>
      </div>
      {!draft.all && (
        <>
          <Choices
            name={t('tags')}
            all={tags}
            chosen={draft.tags}
            onToggle={(tag) => onChange({ ...draft, tags: toggled(draft.tags, tag) })}
          />
          <Choices
            name={t('routes')}
            all={routes.map(({ id }) => id)}
            chosen={draft.routes}
            onToggle={(id) => onChange({ ...draft, routes: toggled(draft.routes, id) })}
          />
          <div class="grid">{LIST_NAMES.filter((name) => !RARE.includes(name)).map(list)}</div>
          <details open={RARE.some((name) => draft.lists[name] !== '')}>
            <summary>{t('moreDims')}</summary>
            <div class="grid">{RARE.map(list)}</div>
          </details>
          <p class="hint">{t('onePerLine')}</p>
          {stopsSignIn(draft, routes) && (
            <p class="bad" role="status">
              {t('stopsSignIn')}
            </p>
          )}
        </>
      )}
    </fieldset>
  )
}

/** Routes tagged `auth` are how people get their one-time passwords. */
function stopsSignIn({ routes: chosen, tags }: Draft, routes: readonly RouteView[]): boolean {
  return tags.includes('auth') || routes.some((route) => chosen.includes(route.id) && route.tags.includes('auth'))
}

interface ChoicesProps {
  readonly name: string
  readonly all: readonly string[]
  readonly chosen: readonly string[]
  readonly onToggle: (item: string) => void
}

function Choices({ name, all, chosen, onToggle }: ChoicesProps) {
  // What is named by a link and not by the config is shown too: it would be refused, with the nearest name.
  const items = [...all, ...chosen.filter((each) => !all.includes(each))]
  return (
    <fieldset class="choices">
      <legend>{name}</legend>
      {items.map((item) => (
        <label key={item} class="chip">
          <input type="checkbox" checked={chosen.includes(item)} onChange={() => onToggle(item)} /> <Text of={item} />
        </label>
      ))}
    </fieldset>
  )
}
