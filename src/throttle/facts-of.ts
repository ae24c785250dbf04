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
  /** As a function where it costs something to tell: few detectors ask. */
  readonly stack: string | undefined | (() => string)
  readonly verifiedAtMs: number | undefined
  readonly people: readonly Person[]
  readonly budgets: readonly Budget[]
  readonly partner: { readonly name: string; readonly budgets: readonly Budget[] } | undefined
  readonly attempt: Attempt | undefined
  readonly target: string | undefined
}

export function factsOf(named: NamedFacts, seed: number): Facts {
  return new Named(named, seed)
}

/** The stack and the target become keys once a detector asks for them: for most requests none does. */
class Named implements Facts {
  readonly second: number
  readonly wallMs: number
  readonly route: Facts['route']
  readonly session: Key | undefined
  readonly account: Key
  readonly address: Key
  readonly network: number
  readonly verifiedAtMs: number | undefined
  readonly people: readonly Person[]
  readonly budgets: readonly Budget[]
  readonly partner: Facts['partner']
  readonly attempt: Attempt | undefined
  readonly #named: NamedFacts
  readonly #seed: number
  #cohort: Key | undefined

  constructor(named: NamedFacts, seed: number) {
    const { session, account, address, partner } = named
    this.#named = named
    this.#seed = seed
    this.second = named.second
    this.wallMs = named.wallMs
    this.route = named.route
    this.address = keyOf(address, seed, 'a')
    this.session = session === undefined ? undefined : keyOf(session, seed, 's')
    this.account = account === undefined ? (this.session ?? this.address) : keyOf(account, seed, 'p')
    this.network = hashKey(networkOf(address), seed)[0]
    this.verifiedAtMs = named.verifiedAtMs
    this.people = named.people
    this.budgets = named.budgets
    this.partner = partner === undefined ? undefined : { ...partner, key: keyOf(partner.name, seed, 'k') }
    this.attempt = named.attempt
  }

  get cohort(): Key | undefined {
    if (this.#cohort !== undefined) return this.#cohort
    const { stack } = this.#named
    if (stack === undefined) return undefined
    return (this.#cohort = keyOf(typeof stack === 'string' ? stack : stack(), this.#seed, 'c'))
  }

  get target(): Key | undefined {
    const { target } = this.#named
    return target === undefined ? undefined : keyOf(target, this.#seed, 't')
  }
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

/** The user agent without its numbers. */
export function familyOf(userAgent: string): string {
  const known = families.get(userAgent)
  if (known !== undefined) return known
  const family = userAgent.slice(0, 256).replaceAll(/\d[\d._]*/g, '#')
  if (families.size < FAMILIES_MAX) families.set(userAgent, family)
  return family
}
