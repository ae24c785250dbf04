// Flags that orders share, and the check of an order before it is signed.
import { InvalidArgumentError, type Command } from 'commander'
import { wordProblems } from '../core/order-words.ts'
import { parseStatement } from '../core/parse-statement.ts'
import { parseDuration } from '../core/time.ts'
import type { Wait } from './deliver.ts'
import { usageFailure } from './failure.ts'

export interface ReasonFlags {
  readonly reason?: string
  readonly incident?: string
}

export function addReasonOptions(command: Command): Command {
  return command
    .option('--reason <text>', 'why, for the trail; callers never see it', parseWords)
    .option('--incident <id>', 'the incident that it belongs to (else INC- and the time in UTC)', parseWords)
}

/** An option that was left without its text would take the next option for it. */
function parseWords(text: string): string {
  if (/^--[a-z]/.test(text)) throw new InvalidArgumentError('Its text is missing: that is another option.')
  return text
}

const WAIT_DEFAULT = '2s'
/** A control plane waits no longer. */
const WAIT_MAX_MS = 30_000

export function addWaitOption(command: Command): Command {
  return command.option(
    '--wait [duration]',
    'wait until every worker has proven that it refuses, at most 2s unless said; exit 3 names those that have not',
    parseWait,
  )
}

function parseWait(text: string): string {
  const ms = parseDuration(text) ?? 0
  if (ms > 0 && ms <= WAIT_MAX_MS) return text
  throw new InvalidArgumentError('Give a duration such as 2s or 500ms, at most 30s.')
}

/** `--wait` alone is given as true. */
export function waitOf(flag: string | true | undefined): Wait | undefined {
  if (flag === undefined) return undefined
  const text = flag === true ? WAIT_DEFAULT : flag
  return { text, ms: parseDuration(text) ?? 0 }
}

/** Throws CommandFailure (2) with every problem that the gateway would find without looking at its config. */
export function checkOrder(order: Readonly<Record<string, unknown>>): void {
  const parsed = parseStatement({ iss: 'name', iat: 1, jti: 'id', order })
  const problems = 'problems' in parsed ? parsed.problems : wordProblems(order)
  if (problems.length > 0) throw usageFailure(...problems.map(flagText))
}

// `order.onExpiry must be` -> `--on-expiry must be`.
function flagText(problem: string): string {
  return problem.replace(
    /^order[.]([A-Za-z]+)(?= )/,
    (_, key: string) => WORDS[key] ?? `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  )
}

/** What is no flag, or a flag of another name. */
const WORDS: Readonly<Record<string, string>> = {
  key: '--public-key',
  name: 'the name',
  gateway: 'the gateway',
  release: 'the id of the release',
  locks: 'the ids of the locks',
}
