// Every key, and whether single keys act at all (WCAG 2.1.4).
import { useWords, type MessageKey } from '../messages/messages.ts'
import { saveSettings } from '../settings.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { Dialog } from './dialog.tsx'

const KEYS: readonly (readonly [string, MessageKey])[] = [
  ['f', 'kFreeze'],
  ['x', 'kExplain'],
  ['g', 'kPages'],
  ['/', 'kFilter'],
  ['p', 'kPause'],
  ['u', 'kZone'],
  ['?', 'kHelp'],
  ['Ctrl Enter', 'kGive'],
  ['Esc', 'kEscape'],
]

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const t = useWords()
  const hasShortcuts = useStore(state, (all) => all.hasShortcuts)
  return (
    <Dialog id="help" title={t('keysTitle')} onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([keys, name]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{t(name)}</dd>
          </div>
        ))}
      </dl>
      <label>
        <input
          type="checkbox"
          checked={hasShortcuts}
          onChange={(event) => saveSettings({ hasShortcuts: event.currentTarget.checked })}
        />{' '}
        {t('keysOn')}
      </label>
    </Dialog>
  )
}
