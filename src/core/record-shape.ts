// Which members the records of a trail have, and of what kind: what a table of them needs for columns.
import type { AnyRecord } from './trail-query.ts'

/** `other`: of several kinds, or nested. */
export type MemberKind = 'whole' | 'number' | 'truth' | 'text' | 'texts' | 'other'

export type RecordShape = Map<string, MemberKind>

/** Widens the shape so that the record fits it. */
export function widenShape(shape: RecordShape, record: AnyRecord): void {
  for (const name in record) {
    const kind = kindOf(record[name])
    const known = shape.get(name)
    if (known === kind || kind === undefined) continue
    shape.set(name, known === undefined ? kind : isNumeric(known) && isNumeric(kind) ? 'number' : 'other')
  }
}

function isNumeric(kind: MemberKind): boolean {
  return kind === 'whole' || kind === 'number'
}

function kindOf(value: unknown): MemberKind | undefined {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'number') return Number.isSafeInteger(value) ? 'whole' : 'number'
  if (typeof value === 'boolean') return 'truth'
  if (value === null || value === undefined) return undefined
  return Array.isArray(value) && value.every((each) => typeof each === 'string') ? 'texts' : 'other'
}
