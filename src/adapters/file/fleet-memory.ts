// What a gateway knows of its fleet: one small file in the store directory, replaced as a whole.
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { FleetKnowledge, FleetMemory } from '../../ports/fleet-memory.ts'

/** Written beside, synced, renamed, and the directory synced: a crash at any point leaves the file before or the file after. */
export function createFleetMemory(file: string): FleetMemory {
  return {
    read: () => parseKnowledge(textOf(file)),
    write(knowledge) {
      return new Promise((resolve) => {
        replace(file, `${JSON.stringify({ v: 1, ...knowledge })}\n`)
        resolve()
      })
    },
  }
}

function replace(file: string, text: string): void {
  const draft = `${file}.new`
  sync(draft, 'w', text)
  renameSync(draft, file)
  sync(dirname(file), 'r')
}

function sync(path: string, flags: 'w' | 'r', text?: string): void {
  const descriptor = openSync(path, flags, 0o600)
  try {
    if (text !== undefined) writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function parseKnowledge(text: string): FleetKnowledge | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { v, fleet, founded, seq, members } = value as Readonly<Record<string, unknown>>
  if (v !== 1 || typeof fleet !== 'string' || typeof founded !== 'boolean' || !Number.isSafeInteger(seq))
    return undefined
  if (!Array.isArray(members) || !members.every((each): each is string => typeof each === 'string')) return undefined
  return { fleet, founded, seq: seq as number, members }
}
