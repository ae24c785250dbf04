// Flags that say what an order reaches: --route, --tag, ... Flags for people take no value; their identifiers come from stdin.
import type { Command } from 'commander'
import type { LockScope } from '../core/lock.ts'
import { usageFailure } from './failure.ts'
import { repeatable } from './repeatable.ts'

/** People are named by pseudonyms; these are the flags that ask for them, and what the gateway calls each kind. */
export const PEOPLE = {
  principal: { dimension: 'principals', kind: 'principal', what: 'principals (the sub of their tokens)' },
  subject: { dimension: 'subjects', kind: 'subject', what: 'identifiers of subjects' },
  session: { dimension: 'sessions', kind: 'session', what: 'session ids' },
} as const
export type PersonFlag = keyof typeof PEOPLE

export interface ScopeFlags {
  readonly route?: readonly string[]
  readonly tag?: readonly string[]
  readonly method?: readonly string[]
  readonly upstream?: readonly string[]
  readonly client?: readonly string[]
  readonly cidr?: readonly string[]
  readonly userAgent?: readonly string[]
  readonly principal?: boolean
  readonly subject?: boolean
  readonly session?: boolean
}

type Dimension = Exclude<keyof LockScope, 'all'>

const DIMENSION_BY_FLAG = {
  route: 'routes',
  tag: 'tags',
  method: 'methods',
  upstream: 'upstreams',
  client: 'clients',
  cidr: 'cidrs',
  userAgent: 'userAgents',
} as const satisfies Partial<Record<keyof ScopeFlags, Dimension>>

export function addScopeOptions(command: Command): Command {
  return command
    .addOption(repeatable('--route <id>', 'a route, by its id'))
    .addOption(repeatable('--tag <tag>', 'the routes with this tag'))
    .addOption(repeatable('--method <method>', 'requests with this method'))
    .addOption(repeatable('--upstream <name>', 'the routes to this upstream'))
    .addOption(repeatable('--client <id>', 'an application: its azp or client_id, or issuer#azp'))
    .addOption(repeatable('--cidr <network>', 'callers from this network'))
    .addOption(repeatable('--user-agent <pattern>', 'callers that name themselves so; * stands for anything'))
    .option('--principal', 'callers by their token sub, read from a prompt or stdin, one a line')
    .option('--subject', 'people whose records are asked for, read from a prompt or stdin, one a line')
    .option('--session', 'sessions, read from a prompt or stdin, one a line')
}

/** The scope without its people, or undefined where no such flag was given. */
export function scopeOf(flags: ScopeFlags): LockScope | undefined {
  const named = Object.entries(DIMENSION_BY_FLAG).flatMap(([flag, dimension]) => {
    const values = flags[flag as keyof typeof DIMENSION_BY_FLAG]
    return values === undefined ? [] : [[dimension, values] as const]
  })
  return named.length === 0 ? undefined : Object.fromEntries(named)
}

/** The one flag for people that was given. Throws CommandFailure (2) for two: stdin cannot tell whose lines are whose. */
export function personFlagOf(flags: Partial<Record<PersonFlag, boolean | undefined>>): PersonFlag | undefined {
  const given = (Object.keys(PEOPLE) as PersonFlag[]).filter((flag) => flags[flag] === true)
  if (given.length > 1)
    throw usageFailure(`${given.map((flag) => `--${flag}`).join(' and ')} each read stdin: give one of them`)
  return given[0]
}

/** A scope in words: `everything`, `tag pii, method POST`. */
export function scopeText(scope: LockScope): string {
  if (scope.all === true) return 'everything'
  return Object.entries(scope)
    .map(([dimension, names]) => `${WORDS[dimension] ?? dimension} ${namesText(names as readonly string[])}`)
    .join(', ')
}

const WORDS: Readonly<Record<string, string>> = {
  routes: 'route',
  tags: 'tag',
  methods: 'method',
  upstreams: 'upstream',
  principals: 'principal',
  subjects: 'subject',
  sessions: 'session',
  clients: 'client',
  cidrs: 'network',
  userAgents: 'agent',
}

const NAMES_SHOWN = 4

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN).join(' or ')
  return names.length > NAMES_SHOWN ? `${shown} or ${names.length - NAMES_SHOWN} more` : shown
}
