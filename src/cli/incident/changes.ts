// What else happened to the gateway meanwhile, as its trail has it: starts, stops, another config.
import { plain } from '../print.ts'

/** Kinds of records. */
export const CHANGES = ['config', 'start', 'stop'] as const

/** As many characters of a hash as tell configs apart; the record has the whole. */
const HASH_SHOWN = 12

/** One line; undefined for a record of another kind. */
export function changeText(record: Readonly<Record<string, unknown>>): string | undefined {
  const { kind, version, config, epoch } = record
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
