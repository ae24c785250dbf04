// Locks that an alert or a detector has suggested: they hold nothing until a person looks at them and signs.
import type { SuggestionView } from '../../../src/ports/control-api.ts'
import { LOCK_MODES } from '../../../src/core/lock.ts'
import { gatewayNow } from '../api.ts'
import { useWords } from '../messages/messages.ts'
import { useTick } from '../store.ts'
import { spanText } from '../time.ts'
import { MODE_NAMES, scopeText } from './lock-facts.tsx'
import { Text } from './moment.tsx'
import { openOverlay } from './overlays.ts'

export function Suggestions({ list }: { list: readonly SuggestionView[] }) {
  const t = useWords()
  useTick(1000)
  return (
    <section class="card warn-edge" aria-labelledby="suggestions">
      <h2 id="suggestions">
        {t('suggested')} ({list.length})
      </h2>
      <p class="hint">{t('suggestedHint')}</p>
      <ul class="plain">
        {list.map(({ id, alert, mode, scope, since, wouldRefuse }) => {
          const known = LOCK_MODES.find((each) => each === mode)
          return (
            <li key={id}>
              <p>
                <strong>
                  <Text of={alert} max={200} />
                </strong>{' '}
                · <span class="badge">{known === undefined ? mode : t(MODE_NAMES[known])}</span>{' '}
                <Text of={scopeText(scope, t)} /> · {t('ago', { span: spanText(gatewayNow() - Date.parse(since), t) })}
                {wouldRefuse !== undefined && <> · {t('wouldRefuse', { n: wouldRefuse.requests })}</>}
              </p>
              <div class="actions start">
                <button
                  type="button"
                  onClick={() =>
                    openOverlay({ kind: 'freeze', scope, ...(known === undefined ? {} : { mode: known }) })
                  }
                >
                  {t('lookAndLock')}
                </button>
              </div>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
