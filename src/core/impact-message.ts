// What a gateway has counted for another, parsed from the payload of an envelope that holds.
import { DISTINCT_MAX, type Distinct } from './distinct.ts'
import type { Impact } from './impact.ts'
import { isFields, type Fields, isNumber, isText, parseList, parseRecord } from './message-shapes.ts'
import type { RegularCaller } from './regular-callers.ts'

export function parseImpact(value: unknown): Impact | undefined {
  if (!isFields(value)) return undefined
  const { requests, isSampled, since, open } = value
  const [distinct, counts] = [parseDistincts(value), parseCounts(value)]
  if (!isNumber(requests) || typeof isSampled !== 'boolean' || !isNumber(since) || !isNumber(open)) return undefined
  if (distinct === undefined || counts === undefined) return undefined
  return { requests, isSampled, since, open, ...distinct, ...counts }
}

function parseDistincts(value: Fields): Pick<Impact, 'sessions' | 'clients' | 'subjects' | 'addresses'> | undefined {
  const [sessions, clients, subjects, addresses] = [
    parseDistinct(value.sessions),
    parseDistinct(value.clients),
    parseDistinct(value.subjects),
    parseDistinct(value.addresses),
  ]
  if (sessions === undefined || clients === undefined || subjects === undefined || addresses === undefined)
    return undefined
  return { sessions, clients, subjects, addresses }
}

type Counts = Pick<Impact, 'routes' | 'byClient' | 'callbacks' | 'minutes' | 'probes'>

function parseCounts(value: Fields): Counts | undefined {
  const [routes, byClient, callbacks] = [
    parseRecord(value.routes, isNumber),
    parseRecord(value.byClient, isNumber),
    parseRecord(value.callbacks, isNumber),
  ]
  const minutes = parseList(value.minutes, numberOf)
  const probes = parseList(value.probes, parseCaller)
  if (routes === undefined || byClient === undefined || callbacks === undefined) return undefined
  if (minutes === undefined || probes === undefined) return undefined
  return { routes, byClient, callbacks, minutes, probes }
}

function parseDistinct(value: unknown): Distinct | undefined {
  const hashes = parseList(value, numberOf)
  if (hashes === undefined || hashes.length > DISTINCT_MAX) return undefined
  return hashes.every((hash, index) => index === 0 || hash > (hashes[index - 1] ?? 0)) ? hashes : undefined
}

function numberOf(value: unknown): number | undefined {
  return isNumber(value) ? value : undefined
}

function parseCaller(value: unknown): RegularCaller | undefined {
  if (!isFields(value)) return undefined
  const { route, caller, requests, everyMs } = value
  return isText(route) && isText(caller) && isNumber(requests) && isNumber(everyMs)
    ? { route, caller, requests, everyMs: Math.round(everyMs) }
    : undefined
}
