// What zod finds wrong, in plain words: what is wrong there and what would be right.
import type { z } from 'zod'
import { didYouMean } from '../core/did-you-mean.ts'
import { quote, type Path } from './problem.ts'

/** Something wrong at a path of the document, before its line and column are looked up. */
export interface Finding {
  readonly path: Path
  readonly message: string
  /** Whether the key is what is wrong, not its value. */
  readonly atKey?: boolean
}

type RawIssue = z.core.$ZodRawIssue
type Issue = z.core.$ZodIssue

/** Messages for what the schema itself has no words for; given to zod for each parse. */
export function explainIssue(issue: RawIssue): string | undefined {
  if (issue.code === 'unrecognized_keys') {
    const hint = (key: string): string => didYouMean(key, keysOf(issue)) || knownHere(keysOf(issue))
    return issue.keys.map((key: string) => `is not known here${hint(key)}`).join('\n')
  }
  if (issue.code !== 'invalid_type') return undefined
  const isMapping = issue.expected === 'object' || issue.expected === 'record'
  return absence(
    issue.input,
    isMapping ? mappingOf(keysOf(issue)) : `must be ${WORDS[issue.expected] ?? issue.expected}`,
  )
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
}

function absence(input: unknown, right: string): string {
  if (input === undefined) return `is missing: it ${right}`
  return input === null ? `is empty: it ${right}, or leave the key out` : right
}

function mappingOf(keys: readonly string[]): string {
  return keys.length === 0 ? 'must be a mapping of keys to values' : `must be a mapping with ${keys.join(', ')}`
}

function knownHere(keys: readonly string[]): string {
  return keys.length === 0 ? '' : `; known are ${keys.join(', ')}`
}

function keysOf(issue: RawIssue): readonly string[] {
  const def: unknown = issue.inst?._zod.def
  if (typeof def !== 'object' || def === null || !('shape' in def)) return []
  return Object.keys(def.shape as object)
}

/** Every issue as one finding or more: each unknown key its own, and of a union what is wrong with the alternative that was meant. */
export function findingsOf(issues: readonly Issue[], prefix: Path = []): readonly Finding[] {
  return issues.flatMap((issue): readonly Finding[] => {
    const path = [...prefix, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))]
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n')
      return issue.keys.map((key, index) => ({ path: [...path, key], message: messages[index] ?? '', atKey: true }))
    }
    if (issue.code === 'invalid_key') {
      return issue.issues.map((inner) => ({ path, message: `this name ${inner.message}`, atKey: true }))
    }
    const meant = issue.code === 'invalid_union' ? meantBranch(issue.errors) : undefined
    return meant === undefined ? [{ path, message: withGiven(issue) }] : findingsOf(meant, path)
  })
}

function withGiven(issue: Issue): string {
  if (issue.code !== 'invalid_union') return issue.message
  return typeof issue.input === 'string' && /^[\w-]{1,40}$/.test(issue.input)
    ? `${issue.message}, not ${quote(issue.input)}`
    : issue.message
}

/** The alternative whose kind of value was given: its complaints lie inside the value, not at its root. */
function meantBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.find(
    (issues) =>
      issues.length > 0 && issues.every((issue) => issue.path.length > 0 || issue.code === 'unrecognized_keys'),
  )
}
