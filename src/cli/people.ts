// Identifiers of people become pseudonyms before anything is signed: no order, lock or trail ever holds the identifier.
import type { Client } from './client.ts'
import { CommandFailure, EXIT } from './failure.ts'
import { refusalLines } from './refusal.ts'
import { PEOPLE, type PersonFlag } from './scope-options.ts'
import { textsField } from './views.ts'
import type { Printer } from './print.ts'

/**
 * `isForSearch`: by all keys that people have been named by. The pseudonyms of the identifiers at every control plane that was named: one key serves a fleet, and gateways with keys of
 * their own each know a person by another name. Throws CommandFailure (1) where none could make them.
 */
export async function pseudonymsOf(
  client: Client,
  printer: Printer,
  flag: PersonFlag,
  identifiers: readonly string[],
  isForSearch = false,
): Promise<readonly string[]> {
  const request = {
    method: 'POST',
    path: '/api/v1/pseudonyms',
    body: { kind: PEOPLE[flag].kind, values: identifiers, ...(isForSearch ? { all: true } : {}) },
  } as const
  const answers = await Promise.all(client.controls.map((control) => client.ask(control, request)))
  const pseudonyms = new Set<string>()
  const failures: string[] = []
  for (const answer of answers) {
    if ('unreachable' in answer) failures.push(answer.unreachable)
    else if (answer.status !== 200) failures.push(...refusalLines(answer))
    else {
      const made = textsField(answer.body, 'pseudonyms')
      const isWhole = made !== undefined && made.length > 0 && made.length % identifiers.length === 0
      if (isWhole && (isForSearch || made.length === identifiers.length)) for (const each of made) pseudonyms.add(each)
      else failures.push(`${answer.control} answered with other pseudonyms than were asked for`)
    }
  }
  if (pseudonyms.size === 0) throw new CommandFailure(EXIT.failed, ...failures)
  for (const line of failures) printer.note({ style: 'yellow', text: line })
  return [...pseudonyms]
}
