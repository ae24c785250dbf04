// A moment in a form, in the zone that the page shows: nobody has to reckon with five and a half hours at night.
import { useWords, type MessageKey } from '../messages/messages.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { fieldText, momentOfField, ZONE_NAMES } from '../time.ts'

interface Props {
  /** With {zone} in it. */
  readonly label: MessageKey
  readonly name: string
  /** Epoch milliseconds; undefined where none is given, or it is not whole yet. */
  readonly at: number | undefined
  readonly onChange: (at: number | undefined) => void
  readonly isRequired?: boolean
  readonly hint?: MessageKey
}

export function MomentInput({ label, name, at, onChange, isRequired = true, hint }: Props) {
  const t = useWords()
  const zone = useStore(state, (all) => all.zone)
  return (
    <label>
      {t(label, { zone: ZONE_NAMES[zone] })}
      <input
        type="datetime-local"
        name={name}
        required={isRequired}
        value={at === undefined ? '' : fieldText(at, zone)}
        onInput={(event) => onChange(momentOfField(event.currentTarget.value, zone))}
      />
      {hint !== undefined && <span class="hint">{t(hint)}</span>}
    </label>
  )
}
