// Which targets are down by their checks: kept by the thread that checks, told to every worker as a list.

/** One target of one upstream, in the list of those that are down. */
export function targetKey(upstream: string, origin: string): string {
  return `${upstream} ${origin}`
}

export interface TargetState {
  readonly upstream: string
  /** Its place among the targets of the upstream, from 0: labels name no address. */
  readonly target: number
  readonly isUp: boolean
}

type Upstreams = Readonly<Record<string, { readonly targets: readonly string[]; readonly health?: unknown }>>

/** Outlives a reload: a config that is read anew must not bring a dead target back. */
export class TargetStates {
  readonly #down = new Set<string>()

  /** Nothing is known against a target that was never checked. */
  isUp(key: string): boolean {
    return !this.#down.has(key)
  }

  set(key: string, isUp: boolean): void {
    if (isUp) this.#down.delete(key)
    else this.#down.add(key)
  }

  /** Forgets what is checked no more. */
  keepOnly(upstreams: Upstreams): void {
    const checked = new Set(checkedIn(upstreams).map(({ key }) => key))
    for (const key of this.#down) if (!checked.has(key)) this.#down.delete(key)
  }

  /** Keys of those that are down, for the workers. */
  get down(): readonly string[] {
    return [...this.#down]
  }

  /** Of every target that is checked, for metrics. */
  of(upstreams: Upstreams): readonly TargetState[] {
    return checkedIn(upstreams).map(({ key, upstream, target }) => ({ upstream, target, isUp: this.isUp(key) }))
  }
}

function checkedIn(upstreams: Upstreams): readonly { key: string; upstream: string; target: number }[] {
  return Object.entries(upstreams).flatMap(([upstream, { targets, health }]) =>
    health === undefined
      ? []
      : targets.map((origin, target) => ({ key: targetKey(upstream, origin), upstream, target })),
  )
}
