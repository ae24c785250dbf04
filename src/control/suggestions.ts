// Suggestions as they stand: bounded, in memory, gone when their alert is resolved or was not said for long. They enforce nothing.
import type { Alert, Suggestion, SuggestionRule } from '../core/suggestion.ts'
import { ruleFor } from '../core/suggestion.ts'
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
/** Alertmanager repeats what still fires (repeat_interval, four hours unless said). */
const KEPT_MS = 24 * 3_600_000

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
  const suggest = (alert: Alert, rule: SuggestionRule): Suggestion | undefined => {
    const now = clock.now()
    const before = kept.get(alert.fingerprint)
    if (before === undefined && kept.size >= SUGGESTIONS_MAX) return undefined
    const { action, scope, mode } = rule
    const since = before?.suggestion.since ?? now
    const suggestion = { id: alert.fingerprint, action, scope, mode, alert: alert.name, since, at: now }
    kept.set(alert.fingerprint, { ...before, suggestion })
    if (before !== undefined) return undefined
    trail.append({
      ...{ time: now, kind: 'order', order: 'suggestion', outcome: 'pending', channel: 'alertmanager' },
      ...{ id: suggestion.id, epoch: desk.ledger.epoch, reason: `alert ${alert.name}` },
    })
    deps.tell({
      type: 'lock.suggested',
      about: `${suggestion.id} ${now}`,
      at: now,
      data: { id: suggestion.id, alert: alert.name, mode, action, command: commandOf(suggestion, deps.control()) },
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
        return rule === undefined ? [] : (suggest(alert, rule) ?? [])
      })
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
function commandOf({ scope, mode, alert }: Suggestion, control: string | undefined): string {
  const flags = Object.entries(scope).flatMap(([dimension, names]) =>
    Array.isArray(names) ? names.map((name) => `${FLAGS[dimension] ?? ''} ${quoted(String(name))}`) : [],
  )
  const rest = [...flags, ...(mode === 'deny' ? [] : [`--mode ${mode}`]), `--reason ${quoted(`alert ${alert}`)}`]
  const at = control === undefined ? '' : ` --control ${control}`
  return `portcullis ${scope.all === true && mode === 'deny' ? 'freeze' : 'lock'} ${rest.join(' ')}${at}`
}

function quoted(text: string): string {
  return /^[A-Za-z0-9._/:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
