// Single keys, where no text is being written and nobody has turned them off.
import { openOverlay, overlays } from './parts/overlays.ts'
import { go, type Page } from './router.ts'
import { saveSettings } from './settings.ts'
import { state } from './state.ts'

const PAGES: Readonly<Record<string, Page>> = {
  s: 'state',
  l: 'live',
  r: 'release',
  e: 'sessions',
  t: 'trail',
  f: 'fleet',
  i: 'incidents',
  k: 'key',
}
const CHORD_MS = 1500

/** Of who is signed in. */
const ACTIONS: Readonly<Record<string, () => void>> = {
  f: () => openOverlay({ kind: 'freeze' }),
  x: () => openOverlay({ kind: 'explain' }),
  p: () => dispatchEvent(new Event('portcullis:pause')),
  '/': () => document.querySelector<HTMLElement>('[data-focus=filter]')?.focus(),
}

export function watchKeys(): void {
  let chordAt = -Infinity
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isWriting(event.target)) return
    const { hasShortcuts, session, zone } = state.get()
    if (!hasShortcuts || overlays.get().open !== undefined) return
    const isChord = event.timeStamp - chordAt < CHORD_MS
    chordAt = -Infinity
    if (event.key === '?') openOverlay({ kind: 'help' })
    else if (event.key === 'u') saveSettings({ zone: zone === 'ist' ? 'utc' : 'ist' })
    else if (session === undefined) return
    else if (isChord && PAGES[event.key] !== undefined) go(PAGES[event.key] ?? 'state')
    else if (event.key === 'g') chordAt = event.timeStamp
    else if (ACTIONS[event.key] !== undefined) ACTIONS[event.key]?.()
    else return
    event.preventDefault()
  })
}

function isWriting(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  )
}
