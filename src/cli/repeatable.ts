// An option that may be given several times and keeps every value.
import { Option } from 'commander'

const REPEATABLE = new WeakSet<Option>()

/** `choices` are told, and checked where the values are used. */
export function repeatable(flags: string, text: string, choices?: readonly string[]): Option {
  const option = new Option(flags, `${text} (repeatable)`).argParser(
    (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
  )
  if (choices !== undefined) option.argChoices = [...choices]
  REPEATABLE.add(option)
  return option
}

export function isRepeatable(option: Option): boolean {
  return REPEATABLE.has(option)
}
