// Active checks of targets: each asked again and again by itself, and what they say remembered.
import { checkTarget, type After, type CheckSettings } from './health-check.ts'
import { targetKey, type TargetState, type TargetStates } from './target-states.ts'
import { createConnector, type UpstreamTls } from './tls-context.ts'

export interface HealthSettings extends CheckSettings {
  readonly intervalMs: number
  /** Good and bad checks in a row that change what is thought of a target. */
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

/** An upstream of the config, its files read. Without `health` it is not checked. */
export interface CheckedUpstream {
  readonly targets: readonly string[]
  readonly health?: HealthSettings
  readonly tls?: UpstreamTls
}

export interface HealthChange extends TargetState {
  /** What the last bad check found; empty where the target came back. */
  readonly detail: string
}

export interface HealthDeps {
  readonly states: TargetStates
  /** A number from 0 up to 1: gateways that were started at once must not ask at once. */
  readonly fraction: () => number
  /** After the states were set. */
  readonly onChange: (change: HealthChange) => void
  readonly after?: After
}

/** Begins the checks; returns how to end them. Timers and connections keep no process alive that has nothing else to do. */
export function startHealthChecks(upstreams: Readonly<Record<string, CheckedUpstream>>, deps: HealthDeps): () => void {
  const ends = Object.entries(upstreams).flatMap(([upstream, { targets, health, tls }]) =>
    health === undefined
      ? []
      : targets.map((origin, target) => keepChecking({ upstream, target, origin, health, tls }, deps)),
  )
  return () => {
    for (const end of ends) end()
  }
}

interface Checked {
  readonly upstream: string
  readonly target: number
  readonly origin: string
  readonly health: HealthSettings
  readonly tls: UpstreamTls | undefined
}

const realAfter: After = (ms, run) => {
  const timer = setTimeout(run, ms).unref()
  return () => {
    clearTimeout(timer)
  }
}

function keepChecking({ upstream, target, origin, health, tls }: Checked, deps: HealthDeps): () => void {
  const { states, fraction, onChange, after = realAfter } = deps
  const key = targetKey(upstream, origin)
  const connector = createConnector(origin, health.timeoutMs, tls)
  let isUp = states.isUp(key)
  let inARow = 0
  let end: () => void
  const check = (): void => {
    end = checkTarget(connector, health, after, (problem) => {
      end = after(health.intervalMs * (0.9 + 0.2 * fraction()), check)
      take(problem)
    })
  }
  const take = (problem?: string): void => {
    inARow = (problem === undefined) === isUp ? 0 : inARow + 1
    if (inARow < (isUp ? health.unhealthyAfter : health.healthyAfter)) return
    isUp = !isUp
    inARow = 0
    states.set(key, isUp)
    onChange({ upstream, target, isUp, detail: problem ?? '' })
  }
  // The first anywhere within an interval.
  end = after(health.intervalMs * fraction(), check)
  return () => {
    end()
  }
}
