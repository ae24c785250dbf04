// What differs between two texts of a config: names alone, since values may be secrets.
import { parse } from 'yaml'
import { canonicalJson } from '../core/canonical-json.ts'

/** Such as `routes.beneficiary.read`, `upstreams.registry`, `control.responders`, in the order of the new text; what is gone comes last. */
export function changedSections(before: string, after: string): readonly string[] {
  const [old, next] = [sectionsOf(before), sectionsOf(after)]
  const changed = [...next].filter(([name, text]) => old.get(name) !== text).map(([name]) => name)
  return [...changed, ...[...old.keys()].filter((name) => !next.has(name))]
}

function sectionsOf(text: string): ReadonlyMap<string, string> {
  const root: unknown = parse(text, { logLevel: 'silent' })
  return new Map(
    entriesOf(root).flatMap(([name, value]) => {
      const parts = entriesOf(value)
      return parts.length === 0
        ? [[name, canonicalJson(value)] as const]
        : parts.map(([part, each]) => [`${name}.${part}`, canonicalJson(each)] as const)
    }),
  )
}

/** Of an object its members, of a list of named things (routes, issuers) those by name, of anything else none. */
function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  if (typeof value !== 'object' || value === null) return []
  if (!Array.isArray(value)) return Object.entries(value)
  const named = value.map((each: unknown) => [nameOf(each), each] as const)
  return named.every(([name]) => name !== undefined) ? (named as [string, unknown][]) : []
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
    ? value.id
    : undefined
}
