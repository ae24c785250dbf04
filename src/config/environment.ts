// Overrides from the environment: PORTCULLIS__STORE__LEASE=5s is store.lease.
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { didYouMean } from '../core/did-you-mean.ts'
import { bare } from './draft.ts'
import { quote, type Path } from './problem.ts'
import type { Environment } from './process-environment.ts'
import { documentSchema } from './schema.ts'

const PREFIX = 'PORTCULLIS__'

export interface Overridden {
  readonly value: unknown
  /** Which variable set which path. */
  readonly origins: readonly { readonly variable: string; readonly path: Path }[]
  readonly problems: readonly { readonly variable: string; readonly message: string }[]
}

/** The document with the environment's values in place. The input is not changed. */
export function applyEnvironment(document: unknown, environment: Environment): Overridden {
  const root = isMapping(document) ? structuredClone(document) : {}
  const isOther = document !== undefined && document !== null && !isMapping(document)
  const origins: { variable: string; path: Path }[] = []
  const problems: { variable: string; message: string }[] = []
  // Shorter names first, so that a whole list may be given and then one item of it changed.
  const variables = Object.keys(environment)
    .filter((name) => name.startsWith(PREFIX))
    .sort((a, b) => a.split('__').length - b.split('__').length || (a < b ? -1 : 1))
  if (variables.length === 0 || isOther) return { value: document, origins, problems }
  for (const variable of variables) {
    const found = findPlace(root, variable.slice(PREFIX.length).split('__'))
    if ('problem' in found) {
      problems.push({ variable, message: found.problem })
      continue
    }
    const twin = origins.find((each) => JSON.stringify(each.path) === JSON.stringify(found.path))
    if (twin !== undefined) problems.push({ variable, message: `sets the same key as ${twin.variable}: keep one` })
    const value = readValue(environment[variable] ?? '', found.schema)
    if (isBroken(value))
      problems.push({ variable, message: 'is not YAML: give a text, a number, or a list or mapping as in [GET, POST]' })
    else put(root, found.path, value)
    origins.push({ variable, path: found.path })
  }
  return { value: root, origins, problems }
}

type Place = { readonly path: Path; readonly schema: z.core.$ZodType } | { readonly problem: string }

function findPlace(root: Readonly<Record<string, unknown>>, words: readonly string[]): Place {
  const path: (string | number)[] = []
  let schema: z.core.$ZodType = bare(documentSchema)
  let value: unknown = root
  for (const word of words) {
    const key = findKey(schema, value, word)
    if (typeof key === 'object') return { problem: `overrides no key: ${key.problem}` }
    path.push(key)
    schema = bare(childOf(schema, key))
    value = isMapping(value) ? value[key] : Array.isArray(value) ? (value as unknown[])[Number(key)] : undefined
  }
  return { path, schema }
}

function findKey(
  schema: z.core.$ZodType,
  value: unknown,
  word: string,
): string | number | { readonly problem: string } {
  if (schema instanceof z.ZodArray) {
    const length = Array.isArray(value) ? value.length : 0
    if (!/^\d{1,4}$/.test(word)) return { problem: `${quote(word)} is no index: items of a list are counted from 0` }
    return Number(word) <= length ? Number(word) : { problem: `the list has ${length} items, the next is ${length}` }
  }
  const mapping = objectOf(schema)
  const known =
    mapping === undefined
      ? schema instanceof z.ZodRecord && isMapping(value)
        ? Object.keys(value)
        : undefined
      : Object.keys(mapping.shape)
  if (known === undefined && schema instanceof z.ZodRecord) return { problem: `there is no ${quote(word)} in the file` }
  if (known === undefined) return { problem: `${quote(word)} stands below a single value` }
  return (
    known.find((key) => fold(key) === fold(word)) ?? {
      problem: `there is no ${quote(word)}${didYouMean(word, known) || `; known are ${known.join(', ')}`}`,
    }
  )
}

// A shell's variable names have neither hyphens nor dots.
function fold(key: string): string {
  return key.toLowerCase().replaceAll(/[.-]/g, '_')
}

function objectOf(schema: z.core.$ZodType): z.ZodObject | undefined {
  if (schema instanceof z.ZodObject) return schema
  return schema instanceof z.ZodUnion
    ? schema.options.find((option): option is z.ZodObject => option instanceof z.ZodObject)
    : undefined
}

function childOf(schema: z.core.$ZodType, key: string | number): z.core.$ZodType {
  if (schema instanceof z.ZodArray) return schema.element
  if (schema instanceof z.ZodRecord) return schema.valueType
  const shape: Readonly<Record<string, z.core.$ZodType>> = objectOf(schema)?.shape ?? {}
  return shape[key] ?? z.unknown()
}

const BROKEN = Symbol('broken')

function isBroken(value: unknown): value is typeof BROKEN {
  return value === BROKEN
}

/** Where a text is wanted the variable is the text, so that a name like `123` or `true` stays one; else it is YAML. */
function readValue(text: string, schema: z.core.$ZodType): unknown {
  if (wantsText(schema)) return text
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true, logLevel: 'error' })
  if (document.errors.length > 0) return BROKEN
  try {
    return document.toJS({ maxAliasCount: 0 }) as unknown
  } catch {
    return BROKEN
  }
}

function wantsText(schema: z.core.$ZodType): boolean {
  if (schema instanceof z.ZodPipe) return wantsText(schema.in)
  return schema instanceof z.ZodString || schema instanceof z.ZodEnum
}

function put(root: Record<string, unknown>, path: Path, value: unknown): void {
  let node: Record<string | number, unknown> = root
  for (const [index, key] of path.entries()) {
    if (index === path.length - 1) {
      node[key] = value
      return
    }
    const next = node[key]
    if (isMapping(next) || Array.isArray(next)) node = next as Record<string | number, unknown>
    else node[key] = node = typeof path[index + 1] === 'number' ? ([] as unknown as Record<number, unknown>) : {}
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
