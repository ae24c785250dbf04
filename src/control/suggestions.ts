// Suggestions as they stand: bounded, in memory, gone when their alert is resolved or was not said for long. They enforce nothing.
import type { Alert, Suggestion, SuggestionRule } from '../core/suggestion.ts'
import { ruleFor } from '../core/suggestion.ts'
import type { LockScope } from '../core/scope.ts'
import type { Notice } from '../core/notice.ts'
import type { AuditTrail } from '../ports/audit-trail.ts'
import type { Clock } from '../ports/clock.ts'
import type { SuggestionView } from '../ports/control-api.ts'
import type { ImpactDesk } from './impact-desk.ts'
import { numbersOf } from './impact-view.ts'
import { formatInstant } from './instants.ts'
import type { OrderDesk } from './order-desk.ts'

export interface Suggestions {
  /** Those that are new. Suggests what the rules say; takes back what is resolved. */
  take(alerts: readonly Alert[]): readonly Suggestion[]
  /** A detector of people suggests a lock; whether it is new. */
  propose(proposal: { readonly id: string; readonly detector: string; readonly scope: LockScope }): boolean
  readonly views: readonly SuggestionView[]
  /** For a timer: counts again what those that observe would have refused. */
  look(): Promise<void>
}

export interface SuggestionsDeps {
  readonly rules: () => readonly SuggestionRule[]
  readonly desk: Pick<OrderDesk, 'ledger'>
  readonly impact: Pick<ImpactDesk, 'ask'>
  readonly trail: Pick<AuditTrail, 'append'>
  readonly clock: Pick<Clock, 'now'>
  readonly tell: (notice: Notice) => void
  readonly control: () => string | undefined
}

const SUGGESTIONS_MAX = 64
/** Of detectors: whoever is found out must not keep alerts from being heard. */
const PROPOSALS_MAX = 32
/** Alertmanager repeats what still fires (repeat_interval, four hours unless said). */
const KEPT_MS = 24 * 3_600_000

/** Before the ids of detectors' proposals: an alert's fingerprint is hexadecimal. */
const PROPOSAL = 'detector-'

interface Kept {
  readonly suggestion: Suggestion
  refused?: SuggestionView['wouldRefuse']
}

export function createSuggestions(deps: SuggestionsDeps): Suggestions {
  const kept = new Map<string, Kept>()
  const { clock, desk, trail } = deps
  const dropOld = (): void => {
    for (const [id, { suggestion }] of kept) if (clock.now() - suggestion.at > KEPT_MS) kept.delete(id)
  }
  const suggest = (
    { fingerprint: id, name }: Pick<Alert, 'fingerprint' | 'name'>,
    { action, scope, mode }: Omit<SuggestionRule, 'match'>,
    channel: 'alertmanager' | 'detector',
  ): Suggestion | undefined => {
    const now = clock.now()
    const before = kept.get(id)
    if (before === undefined && kept.size >= SUGGESTIONS_MAX) return undefined
    const since = before?.suggestion.since ?? now
    const suggestion = { id, action, scope, mode, alert: name, since, at: now }
    kept.set(id, { ...before, suggestion })
    if (before !== undefined) return undefined
    trail.append({
      ...{ time: now, kind: 'order', order: 'suggestion', outcome: 'pending', channel },
      ...{ id, epoch: desk.ledger.epoch, reason: `${channel === 'detector' ? channel : 'alert'} ${name}` },
    })
    deps.tell({
      type: 'lock.suggested',
      about: `${id} ${now}`,
      at: now,
      data: { id, alert: name, mode, action, command: commandOf(suggestion, deps.control()) },
    })
    return suggestion
  }
  return {
    take(alerts) {
      dropOld()
      return alerts.flatMap((alert) => {
        if (!alert.isFiring) {
          kept.delete(alert.fingerprint)
          return []
        }
        const rule = ruleFor(deps.rules(), alert)
        return rule === undefined ? [] : (suggest(alert, rule, 'alertmanager') ?? [])
      })
    },
    propose({ id, detector, scope }) {
      dropOld()
      const proposals = [...kept.values()].filter(({ suggestion }) => suggestion.id.startsWith(PROPOSAL))
      if (proposals.length >= PROPOSALS_MAX && !kept.has(PROPOSAL + id)) return false
      const rule = { action: 'propose', scope, mode: 'deny' } as const
      return suggest({ fingerprint: PROPOSAL + id, name: detector }, rule, 'detector') !== undefined
    },
    get views() {
      dropOld()
      return [...kept.values()].map(({ suggestion, refused }) => viewOf(suggestion, refused, deps.control()))
    },
    async look() {
      for (const [id, each] of kept) {
        const { action, scope, mode } = each.suggestion
        if (action !== 'observe') continue
        const { impact } = await deps.impact.ask({ scope, mode })
        const now = kept.get(id)
        if (now !== undefined) now.refused = numbersOf(impact)
      }
    },
  }
}

function viewOf(
  suggestion: Suggestion,
  refused: SuggestionView['wouldRefuse'],
  control: string | undefined,
): SuggestionView {
  const { id, action, scope, mode, alert, since, at } = suggestion
  return {
    ...{ id, action, scope, mode, alert, since: formatInstant(since), lastSaid: formatInstant(at) },
    command: commandOf(suggestion, control),
    ...(refused === undefined ? {} : { wouldRefuse: refused }),
  }
}

const FLAGS: Readonly<Record<string, string>> = {
  routes: '--route',
  tags: '--tag',
  methods: '--method',
  upstreams: '--upstream',
  principals: '--principal',
  subjects: '--subject',
  sessions: '--session',
  clients: '--client',
  cidrs: '--cidr',
  userAgents: '--user-agent',
}

/** What a person would type: the scope is the config's own, so that no alert can put words into a shell. */
function commandOf({ id, scope, mode, alert }: Suggestion, control: string | undefined): string {
  const flags = Object.entries(scope).flatMap(([dimension, names]) =>
    Array.isArray(names) ? names.map((name) => `${FLAGS[dimension] ?? ''} ${quoted(String(name))}`) : [],
  )
  const reason = `${id.startsWith(PROPOSAL) ? 'detector' : 'alert'} ${alert}`
  const rest = [...flags, ...(mode === 'deny' ? [] : [`--mode ${mode}`]), `--reason ${quoted(reason)}`]
  const at = control === undefined ? '' : ` --control ${control}`
  return `portcullis ${scope.all === true && mode === 'deny' ? 'freeze' : 'lock'} ${rest.join(' ')}${at}`
}

function quoted(text: string): string {
  return /^[A-Za-z0-9._/:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
