import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { parseConfig } from '../../src/config/parse-config.ts'
import { configOf, edited, SAMPLE } from './sample.ts'

interface Schema {
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | false
  readonly anyOf?: readonly Schema[]
}

const file = (name: string): string => fileURLToPath(new URL(`../../config/${name}`, import.meta.url))
const schema = JSON.parse(jsonSchema()) as Schema
const example = readFileSync(file('portcullis.example.yaml'), 'utf8')
const validate = new Ajv({ allErrors: true, strict: false }).compile(schema)

// Empty by default: the example shows what stands in them. The session of a route is shown as a mapping.
const LISTED_FOR_SHOW = new Set([
  'control.responders',
  'session.issuers',
  'upstreams',
  'defaults.session.level',
  'audit.holds',
  'audit.exports',
  'audit.exports.*.format',
  'throttle.honey',
  'throttle.clients',
  'throttle.lock.ttl',
  // Without `response` nothing is held back: it is shown at a route.
  'defaults.response.unknown',
  'defaults.response.bytes',
])

/** Every key of the schema: its path, with `*` for items and free names. */
function keysOf(node: Schema, path: readonly string[] = []): readonly { path: readonly string[]; node: Schema }[] {
  const below = [node, ...(node.anyOf ?? [])].flatMap((each) => [
    ...Object.entries(each.properties ?? {}).flatMap(([key, child]) => [
      { path: [...path, key], node: child },
      ...keysOf(child, [...path, key]),
    ]),
    ...(each.items === undefined ? [] : keysOf(each.items, [...path, '*'])),
    ...(each.additionalProperties === undefined || each.additionalProperties === false
      ? []
      : keysOf(each.additionalProperties, [...path, '*'])),
  ])
  return below
}

/** What the document has at a path; `*` is the first item or value. */
function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null) return undefined
    return key === '*' ? Object.values(value)[0] : (value as Record<string, unknown>)[key]
  }, document)
}

test('the schema in config/ is the one that is generated', () => {
  // npm run schema writes it anew.
  expect(readFileSync(file('portcullis.schema.json'), 'utf8')).toBe(jsonSchema())
})

describe('the example', () => {
  test('is right by the schema and by the parser', () => {
    expect(validate(parse(example))).toBe(true)
    expect(validate.errors).toBeNull()
    expect(parseConfig(example, { file: file('portcullis.example.yaml'), env: {} })).toHaveProperty('config')
  })

  test('names every key', () => {
    const keys = keysOf(schema)
    expect(keys.length).toBeGreaterThan(70)
    expect(
      keys
        .filter(
          ({ path }) =>
            !new RegExp(`(?:^|[\\s{,#])${path.at(-1) ?? ''}: `, 'm').test(example) &&
            !example.includes(`${path.at(-1) ?? ''}:\n`),
        )
        .map(({ path }) => path.join('.')),
    ).toEqual([])
  })

  test('gives each key that has a default that default', () => {
    const document: unknown = parse(example)
    const scalars = keysOf(schema).filter(
      ({ node, path }) => node.default !== undefined && node.properties === undefined && path[0] !== 'routes',
    )
    expect(scalars.length).toBeGreaterThan(25)
    for (const { path, node } of scalars) {
      if (LISTED_FOR_SHOW.has(path.join('.'))) continue
      expect([path.join('.'), valueAt(document, path)]).toEqual([path.join('.'), node.default])
    }
  })

  test('has the same meaning with its defaults left out', () => {
    const bare = configOf(
      `${example.replace(/^gateway:[\s\S]*?^control:/m, 'gateway: {}\ncontrol:').replace(/^log:[\s\S]*$/m, '')}`,
    )
    const whole = configOf(example)
    expect(bare).toEqual(whole)
  })
})

test('every key of the schema says what it is for', () => {
  const silent = keysOf(schema).filter(({ node, path }) => node.description === undefined && path.at(-1) !== '*')
  expect(silent.map(({ path }) => path.join('.'))).toEqual([])
})

test.each([
  ['an unknown key', edited(['    tags: [pii]', '    tag: [pii]'])],
  ['a method in small letters', edited(['[POST]', '[post]'])],
  ['a duration without a unit', edited(['lease: 2s', 'lease: 2'])],
  ['a role that is none', edited(['role: responder', 'role: boss'])],
  ['a route without an id', edited(['  - id: record.write\n    path', '  - path'])],
])('the schema itself refuses %s', (_, text) => {
  expect(validate(parse(text))).toBe(false)
})

test('the schema takes what the parser takes', () => {
  expect(validate(parse(SAMPLE))).toBe(true)
})
