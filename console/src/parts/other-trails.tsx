// What one gateway's trail cannot tell: each of a fleet keeps its own.
import { useWords } from '../messages/messages.ts'
import { plain } from '../plain.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'

/** Names the gateways that are not asked; nothing where there is one alone. */
export function OtherTrails() {
  const t = useWords()
  const status = useStore(state, (all) => all.status)
  const own = status?.audit.vkey.split('+')[0]
  const others = (status?.fleet.gateways ?? []).filter(({ name }) => name !== own)
  if (others.length === 0) return null
  return (
    <p class="warn" data-not-asked={others.length}>
      ⚠ {t('otherTrails', { names: others.map(({ name }) => plain(name)).join(', ') })}
    </p>
  )
}
