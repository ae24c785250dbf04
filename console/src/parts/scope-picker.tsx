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
  sessions: 'sessionsDim',
} as const satisfies Readonly<Record<string, MessageKey>>
type ListName = keyof typeof LISTS

export function draftOf(scope: LockScope | undefined): Draft {
  const text = (list: readonly string[] | undefined): string => (list ?? []).join('\n')
  return {
    all: scope === undefined || scope.all === true,
    routes: scope?.routes ?? [],
    tags: scope?.tags ?? [],
    lists: {
      clients: text(scope?.clients),
      cidrs: text(scope?.cidrs),
      subjects: text(scope?.subjects),
      sessions: text(scope?.sessions),
    },
  }
}

const linesOf = (text: string): readonly string[] =>
  text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
const PSEUDONYM = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{20,}$/

export function isPseudonym(text: string): boolean {
  return PSEUDONYM.test(text)
}

/** The scope as it is signed; identifiers of people are replaced by pseudonyms first. `empty`: it names nothing. */
export async function scopeOf(draft: Draft): Promise<LockScope | 'empty' | { readonly problem: string }> {
  if (draft.all) return { all: true }
  const people = linesOf(draft.lists.subjects)
  const named = people.filter((each) => isPseudonym(each))
  const identifiers = people.filter((each) => !isPseudonym(each))
  if (identifiers.length > 0) {
    const answer = await ask<{ readonly pseudonyms: readonly string[] }>('pseudonyms', {
      kind: 'subject',
      values: identifiers,
    })
    if (!answer.ok) return { problem: answer.problem.detail }
    named.push(...answer.body.pseudonyms)
  }
  const scope: LockScope = {
    ...(draft.routes.length === 0 ? {} : { routes: draft.routes }),
    ...(draft.tags.length === 0 ? {} : { tags: draft.tags }),
    ...nonEmpty('clients', linesOf(draft.lists.clients)),
    ...nonEmpty('cidrs', linesOf(draft.lists.cidrs)),
    ...nonEmpty('sessions', linesOf(draft.lists.sessions)),
    ...nonEmpty('subjects', named),
  }
  return Object.keys(scope).length === 0 ? 'empty' : scope
}

function nonEmpty(key: ListName, list: readonly string[]): LockScope {
  return list.length === 0 ? {} : { [key]: list }
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
          <div class="grid">
            {(Object.keys(LISTS) as ListName[]).map((list) => (
              <label key={list}>
                {t(LISTS[list])}
                <textarea
                  rows={2}
                  autocomplete="off"
                  spellcheck={false}
                  value={draft.lists[list]}
                  onInput={(event) =>
                    onChange({ ...draft, lists: { ...draft.lists, [list]: event.currentTarget.value } })
                  }
                />
              </label>
            ))}
          </div>
          <p class="hint">{t('onePerLine')}</p>
        </>
      )}
    </fieldset>
  )
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
