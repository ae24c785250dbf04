// Starts and reloads of this gateway beside the chart of its requests, in words: lines on a canvas are not read aloud.
import type { ChangeView } from '../../../src/ports/live-views.ts'
import { useWords } from '../messages/messages.ts'
import { Moment, Text } from './moment.tsx'

const SHOWN_MAX = 10
const HASH_SHOWN = 12

export function ChangeList({ changes }: { readonly changes: readonly ChangeView[] }) {
  const t = useWords()
  if (changes.length === 0) return null
  return (
    <ol class="moments">
      {changes
        .slice(-SHOWN_MAX)
        .toReversed()
        .map((change) => (
          <li key={`${change.at} ${change.kind}`}>
            <Moment at={change.at} /> <span class="badge">{t(changeName(change))}</span>{' '}
            <Text of={changeText(change)} />
          </li>
        ))}
    </ol>
  )
}

export function changeName({
  kind,
  outcome,
}: ChangeView): 'changeStart' | 'changeStop' | 'changeConfig' | 'changeRefused' {
  if (kind === 'start') return 'changeStart'
  if (kind === 'stop') return 'changeStop'
  return outcome === 'refused' ? 'changeRefused' : 'changeConfig'
}

/** Names and numbers alone, which are the same in every language. */
export function changeText({ version, config, changed = [], more, reason }: ChangeView): string {
  const sections = more === undefined ? changed.join(', ') : `${changed.join(', ')} +${more}`
  return [version, config === undefined ? undefined : `config ${config.slice(0, HASH_SHOWN)}`, sections, reason]
    .filter((part) => part !== undefined && part !== '')
    .join(' · ')
}
