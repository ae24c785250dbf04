// What this browser remembers of how the page is to look; nothing of what it shows.
import { state, type PageState, type Theme } from './state.ts'

const KEY = 'portcullis.settings'
type Settings = Pick<PageState, 'lang' | 'zone' | 'theme' | 'hasShortcuts'>

export function loadSettings(): void {
  let saved: Partial<Settings> = {}
  try {
    saved = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Settings>
  } catch {
    // What cannot be read is not remembered.
  }
  const lang = saved.lang ?? (navigator.language.startsWith('hi') ? 'hi' : 'en')
  apply({
    lang: lang === 'hi' ? 'hi' : 'en',
    zone: saved.zone === 'utc' ? 'utc' : 'ist',
    theme: saved.theme === 'dark' || saved.theme === 'light' ? saved.theme : 'auto',
    hasShortcuts: saved.hasShortcuts !== false,
  })
}

export function saveSettings(change: Partial<Settings>): void {
  apply(change)
  const { lang, zone, theme, hasShortcuts } = state.get()
  localStorage.setItem(KEY, JSON.stringify({ lang, zone, theme, hasShortcuts }))
}

function apply(change: Partial<Settings>): void {
  state.set(change)
  const { lang, theme } = state.get()
  document.documentElement.lang = lang
  setTheme(theme)
}

function setTheme(theme: Theme): void {
  if (theme === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}
