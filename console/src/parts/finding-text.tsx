// What was found. The gateway's own sentence, which the trail keeps as well, is English: in another language it stands beneath that one's words.
import { useWords } from '../messages/messages.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { FINDING_NAMES } from './finding-names.ts'
import { Text } from './moment.tsx'

export function FindingText({ detector, sentence }: { detector: string; sentence: string }) {
  const t = useWords()
  const lang = useStore(state, (all) => all.lang)
  const name = FINDING_NAMES[detector]
  if (lang === 'en' || name === undefined)
    return (
      <strong>
        <Text of={sentence} max={300} />
      </strong>
    )
  return (
    <>
      <strong>{t(name)}</strong>
      <br />
      <span lang="en" class="hint">
        <Text of={sentence} max={300} />
      </span>
    </>
  )
}
