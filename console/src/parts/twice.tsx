// A button that asks once more: what it does cannot be taken back.
import { useState } from 'preact/hooks'
import { useWords } from '../messages/messages.ts'

export function Twice({ label, onDo }: { label: string; onDo: () => void }) {
  const t = useWords()
  const [isAsked, setAsked] = useState(false)
  return (
    <button
      type="button"
      class={isAsked ? 'danger' : 'quiet'}
      onBlur={() => setAsked(false)}
      onClick={() => {
        setAsked(!isAsked)
        if (isAsked) onDo()
      }}
    >
      {isAsked ? t('pressAgain', { what: label }) : label}
    </button>
  )
}
