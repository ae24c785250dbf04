// What else happened meanwhile, as the trail has it: the gateway started, stopped or took another config; a detector found something.
import { plain } from '../print.ts'

/** Kinds of records. */
export const MEANWHILE = ['config', 'start', 'stop', 'anomaly'] as const

/** As many characters of a hash as tell configs apart; the record has the whole. */
const HASH_SHOWN = 12

/** One line; undefined for a record of another kind. */
export function meanwhileText(record: Readonly<Record<string, unknown>>): string | undefined {
  const { kind, version, config, epoch } = record
  // Its sentence names nobody.
  if (kind === 'anomaly') return `${textOf(record.detector)} found: ${textOf(record.sentence)}`
  if (kind === 'start' || kind === 'stop')
    return `gateway ${kind === 'start' ? 'started' : 'stopped'}: version ${textOf(version)}${configText(config)}, epoch ${String(epoch)}`
  if (kind !== 'config') return undefined
  const { outcome, previous, reason } = record
  if (outcome === 'refused') return `config refused (${textOf(reason)})${configText(config)}`
  return `config changed from ${shown(previous)} to ${shown(config)}: ${changedText(record)}${restartText(record)}`
}

function changedText({ changed, more }: Readonly<Record<string, unknown>>): string {
  const names = namesIn(changed)
  if (names.length === 0) return 'its text alone'
  return `${names.join(', ')}${typeof more === 'number' ? ` and ${more} more` : ''}`
}

function restartText({ restartNeeded }: Readonly<Record<string, unknown>>): string {
  const names = namesIn(restartNeeded)
  return names.length === 0 ? '' : ` (from the next start on: ${names.join(', ')})`
}

function configText(hash: unknown): string {
  return typeof hash === 'string' ? `, config ${shown(hash)}` : ''
}

function shown(hash: unknown): string {
  return textOf(hash).slice(0, HASH_SHOWN)
}

function namesIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map((each) => plain(textOf(each))) : []
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
