// Flags that say what an order reaches: --route, --tag, ... People are given by pseudonym, or their identifiers come from stdin.
import { Option, type Command } from 'commander'
import { isPseudonym } from '../core/pseudonym.ts'
import type { LockScope } from '../core/scope.ts'
import { usageFailure } from './failure.ts'
import { repeatable } from './repeatable.ts'

/** People are named by pseudonyms; these are the flags that ask for them, and what the gateway calls each kind. */
export const PEOPLE = {
  principal: { dimension: 'principals', kind: 'principal', what: 'principals (the sub of their tokens)' },
  subject: { dimension: 'subjects', kind: 'subject', what: 'identifiers of subjects' },
  session: { dimension: 'sessions', kind: 'session', what: 'sessions (issuer#sid, else issuer#jti)' },
} as const
export type PersonFlag = keyof typeof PEOPLE

/** True: asked for on stdin. */
type PersonValue = true | readonly string[]

export interface ScopeFlags {
  readonly route?: readonly string[]
  readonly tag?: readonly string[]
  readonly method?: readonly string[]
  readonly upstream?: readonly string[]
  readonly client?: readonly string[]
  readonly cidr?: readonly string[]
  readonly userAgent?: readonly string[]
  readonly principal?: PersonValue
  readonly subject?: PersonValue
  readonly session?: PersonValue
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
  principal: 'principals',
  subject: 'subjects',
  session: 'sessions',
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
    .addOption(personOption('principal', 'callers by the sub of their token'))
    .addOption(personOption('subject', 'people whose records are asked for'))
    .addOption(personOption('session', 'sessions, as issuer#sid'))
}

/**
 * A flag for people: alone it reads identifiers, with a pseudonym (as trail and console show them) it takes that. An identifier
 * in its place is refused without repeating it: other processes and the shell's history can read the command line.
 */
export function personOption(flag: PersonFlag, text: string): Option {
  return new Option(
    `--${flag} [pseudonym]`,
    `${text}: read from a prompt or stdin, one a line; or by pseudonym (repeatable)`,
  ).argParser((value: string, before: PersonValue | undefined) => {
    if (!isPseudonym(value))
      throw usageFailure(
        `--${flag}: identifiers of people do not belong on the command line: give --${flag} alone and the identifiers on stdin, one a line; or a pseudonym`,
      )
    return before === undefined || before === true ? [value] : [...before, value]
  })
}

/** The scope without the people whose identifiers are still to be read, or undefined where no other flag was given. */
export function scopeOf(flags: ScopeFlags): LockScope | undefined {
  const named = Object.entries(DIMENSION_BY_FLAG).flatMap(([flag, dimension]) => {
    const values = flags[flag as keyof typeof DIMENSION_BY_FLAG]
    return values === undefined || values === true ? [] : [[dimension, values] as const]
  })
  return named.length === 0 ? undefined : Object.fromEntries(named)
}

/** The one flag for people whose identifiers are to be read. Throws CommandFailure (2) for two: stdin cannot tell whose lines are whose. */
export function personFlagOf(flags: Pick<ScopeFlags, PersonFlag>): PersonFlag | undefined {
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
