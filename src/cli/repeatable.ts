// An option that may be given several times and keeps every value.
import { Option } from 'commander'

export function repeatable(flags: string, text: string): Option {
  return new Option(flags, `${text} (repeatable)`).argParser((value: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    value,
  ])
}
