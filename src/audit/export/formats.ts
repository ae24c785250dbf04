// The forms in which records leave: as the trail has them, as OCSF events, or as CSV.
import type { AnyRecord } from '../../core/trail-query.ts'
import { CSV_HEADING, toCsv } from './csv.ts'
import { toOcsf } from './ocsf.ts'

export type LineFormat = 'ndjson' | 'ocsf' | 'csv'

interface Format {
  readonly file: string
  readonly heading: string
  readonly line: (index: number, entry: Buffer) => string
}

export const FORMATS: Readonly<Record<LineFormat, Format>> = {
  // The exact bytes: each line hashes to its leaf.
  ndjson: { file: 'records.ndjson', heading: '', line: (_index, entry) => `${entry.toString()}\n` },
  ocsf: {
    file: 'records.ocsf.ndjson',
    heading: '',
    line: (index, entry) => `${JSON.stringify(toOcsf(index, recordOf(entry)))}\n`,
  },
  csv: { file: 'records.csv', heading: CSV_HEADING, line: (index, entry) => toCsv(index, recordOf(entry)) },
}

function recordOf(entry: Buffer): AnyRecord {
  return JSON.parse(entry.toString()) as AnyRecord
}
