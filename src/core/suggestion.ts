// A lock that somebody who may not lock has suggested: an alert, by a rule of the config. It holds nothing until a person signs.
import type { ImpactMode } from './impact.ts'
import type { LockScope } from './scope.ts'
import type { Instant } from './time.ts'

export interface SuggestionRule {
  /** Labels that the alert must have. */
  readonly match: Readonly<Record<string, string>>
  readonly action: 'propose' | 'observe'
  readonly scope: LockScope
  readonly mode: ImpactMode
}

export interface Suggestion {
  readonly id: string
  readonly action: SuggestionRule['action']
  readonly scope: LockScope
  readonly mode: ImpactMode
  /** The alert's name. */
  readonly alert: string
  readonly since: Instant
  /** When it was last said. */
  readonly at: Instant
}

/** What of an alert is kept. */
export interface Alert {
  readonly name: string
  readonly fingerprint: string
  readonly isFiring: boolean
  readonly labels: Readonly<Record<string, string>>
}

const ALERTS_MAX = 256
const LABELS_MAX = 64

/** The alerts of a message of Alertmanager's webhook, version 4; undefined where it is none. */
export function parseAlerts(body: unknown): readonly Alert[] | undefined {
  if (!isFields(body) || body.version !== '4' || !Array.isArray(body.alerts)) return undefined
  const alerts = body.alerts.slice(0, ALERTS_MAX).map(parseAlert)
  return alerts.includes(undefined) ? undefined : (alerts as Alert[])
}

function parseAlert(value: unknown): Alert | undefined {
  if (!isFields(value) || !isFields(value.labels)) return undefined
  const { status, fingerprint } = value
  if ((status !== 'firing' && status !== 'resolved') || typeof fingerprint !== 'string') return undefined
  if (!/^[0-9a-f]{1,64}$/.test(fingerprint)) return undefined
  const labels = Object.entries(value.labels).slice(0, LABELS_MAX)
  if (!labels.every((label): label is [string, string] => typeof label[1] === 'string')) return undefined
  const name = typeof value.labels.alertname === 'string' ? value.labels.alertname : 'unnamed'
  return {
    // It is shown to people, in messages too: a name of Prometheus' own kind, and no text of its own.
    name: /^[A-Za-z_][A-Za-z0-9_:.-]{0,99}$/.test(name) ? name : 'unnamed',
    fingerprint,
    isFiring: status === 'firing',
    labels: Object.fromEntries(labels),
  }
}

export function ruleFor(rules: readonly SuggestionRule[], alert: Alert): SuggestionRule | undefined {
  return rules.find(({ match }) =>
    Object.entries(match).every(
      ([label, value]) => Object.hasOwn(alert.labels, label) && alert.labels[label] === value,
    ),
  )
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
