// Pages by the address's hash, so that any of them can be linked to and no server needs to know.
import { state } from './state.ts'

export const PAGES = ['state', 'live', 'release', 'sessions', 'trail', 'fleet', 'incidents', 'key'] as const
export type Page = (typeof PAGES)[number]

export interface Place {
  readonly page: Page | undefined
  readonly query: URLSearchParams
}

export function placeOf(hash: string): Place {
  const [name = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  return { page: PAGES.find((page) => page === (name || 'state')), query: new URLSearchParams(query) }
}

export function go(page: Page, query: Readonly<Record<string, string>> = {}): void {
  const text = new URLSearchParams(query).toString()
  location.hash = `#/${page}${text === '' ? '' : `?${text}`}`
}

/** Changes what the address says without a step in the history. */
export function note(page: Page, query: Readonly<Record<string, string>>): void {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '')).toString()
  history.replaceState(null, '', `#/${page}${text === '' ? '' : `?${text}`}`)
}

export function watchPlace(): void {
  const look = (): void => {
    state.set({ route: location.hash })
  }
  addEventListener('hashchange', look)
  look()
}
