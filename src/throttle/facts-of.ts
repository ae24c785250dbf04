// Facts from names: what the live gateway and a replay have in common.
import { hashKey, keyOf, type Key } from './key.ts'
import type { Attempt } from '../core/policy.ts'
import type { Budget, Facts, Person } from './facts.ts'

export interface NamedFacts {
  readonly second: number
  readonly wallMs: number
  readonly route: Facts['route']
  /** Pseudonyms, or whatever a log has in their place. */
  readonly session: string | undefined
  readonly account: string | undefined
  /** An address, an IPv6 one by its /64. */
  readonly address: string
  readonly stack: string | undefined
  readonly verifiedAtMs: number | undefined
  readonly people: readonly Person[]
  readonly budgets: readonly Budget[]
  readonly partner: { readonly name: string; readonly budgets: readonly Budget[] } | undefined
  readonly attempt: Attempt | undefined
  readonly target: string | undefined
}

export function factsOf(named: NamedFacts, seed: number): Facts {
  const { session, account, address, stack, partner, target } = named
  const addressKey = keyOf(`a\0${address}`, seed)
  const sessionKey = session === undefined ? undefined : keyOf(`s\0${session}`, seed)
  return {
    second: named.second,
    wallMs: named.wallMs,
    route: named.route,
    session: sessionKey,
    account: account === undefined ? (sessionKey ?? addressKey) : keyOf(`p\0${account}`, seed),
    address: addressKey,
    network: hashKey(networkOf(address), seed)[0],
    cohort: stack === undefined ? undefined : keyOf(`c\0${stack}`, seed),
    verifiedAtMs: named.verifiedAtMs,
    people: named.people,
    budgets: named.budgets,
    partner: partner === undefined ? undefined : { ...partner, key: partnerKey(partner.name, seed) },
    attempt: named.attempt,
    target: target === undefined ? undefined : keyOf(`t\0${target}`, seed),
  }
}

function partnerKey(name: string, seed: number): Key {
  return keyOf(`k\0${name}`, seed)
}

/** `identifier` is read for its last digits alone, modulo 2^16. */
export function personOf(pseudonym: string, identifier: string, own: boolean, seed: number): Person {
  return { hash: hashKey(pseudonym, seed)[0], step: stepOf(identifier), own }
}

const PREFIX_MAX = 8

export function stepOf(identifier: string): number {
  let end = identifier.length
  while (end > 0 && !isDigit(identifier.charCodeAt(end - 1))) end -= 1
  let start = end
  while (start > 0 && end - start < 15 && isDigit(identifier.charCodeAt(start - 1))) start -= 1
  // A long name in front of its digits is a pseudonym or a hash: its digits count nothing.
  return start === end || start > PREFIX_MAX ? -1 : Number(identifier.slice(start, end)) % 0x10000
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** The /16 of an IPv4 address, the /32 of an IPv6 one. */
function networkOf(address: string): string {
  const separator = address.includes(':') ? ':' : '.'
  const first = address.indexOf(separator)
  const second = first === -1 ? -1 : address.indexOf(separator, first + 1)
  return second === -1 ? address : address.slice(0, second)
}

/** The user agent without its numbers, and the names of the fields in their order: what a tool has in common wherever it runs. */
export function stackOf(userAgent: string | undefined, fieldNames: readonly string[]): string {
  return `${familyOf(userAgent ?? '')}\n${fieldNames.join(',')}`
}

const families = new Map<string, string>()
const FAMILIES_MAX = 2_000

function familyOf(userAgent: string): string {
  const known = families.get(userAgent)
  if (known !== undefined) return known
  const family = userAgent.slice(0, 256).replaceAll(/\d[\d._]*/g, '#')
  if (families.size < FAMILIES_MAX) families.set(userAgent, family)
  return family
}
