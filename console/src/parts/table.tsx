// Tables: the heads of their columns, and those that are wider than a phone, which scroll by themselves and by keyboard.
import type { ComponentChildren } from 'preact'
import { useWords, type MessageKey } from '../messages/messages.ts'

export function Heads({ of }: { of: readonly (MessageKey | '#')[] }) {
  const t = useWords()
  return (
    <thead>
      <tr>
        {of.map((each) => (
          <th key={each} scope="col">
            {each === '#' ? '#' : t(each)}
          </th>
        ))}
      </tr>
    </thead>
  )
}

interface Props {
  /** What the table is of, for who cannot see it. */
  readonly label: string
  readonly heads: readonly (MessageKey | '#')[]
  readonly class?: string
  readonly children: ComponentChildren
  /** Below the table, in the same frame. */
  readonly after?: ComponentChildren
}

export function WideTable({ label, heads, class: look, children, after }: Props) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class={look}>
        <Heads of={heads} />
        <tbody>{children}</tbody>
      </table>
      {after}
    </div>
  )
}
