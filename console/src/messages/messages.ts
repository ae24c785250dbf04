// The page's words, in each language complete: a key that one language lacks does not compile.
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { en } from './en.ts'
import { hi } from './hi.ts'

export type Lang = 'en' | 'hi'
export type MessageKey = keyof typeof en
export type Translate = (key: MessageKey, values?: Readonly<Record<string, string | number>>) => string

const CATALOGUE: Readonly<Record<Lang, Readonly<Record<MessageKey, string>>>> = { en, hi }

export function translate(lang: Lang): Translate {
  return (key, values = {}) =>
    CATALOGUE[lang][key].replaceAll(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name]
      return value === undefined ? whole : typeof value === 'number' ? numberText(value) : value
    })
}

const numbers = new Intl.NumberFormat('en-IN')

/** Grouped as in India (12,34,567), in digits that both languages read. */
export function numberText(value: number): string {
  return numbers.format(value)
}

export function useWords(): Translate {
  return translate(useStore(state, ({ lang }) => lang))
}
