// Which targets are up by their checks: written by the thread that checks, read by every worker when it picks a target.

/** What of a config's upstreams is laid out: the same ones, in the same order, wherever the memory is used. */
export type Laid = Readonly<Record<string, { readonly targets: readonly string[] }>>

export interface TargetState {
  readonly upstream: string
  /** Its place among the targets of the upstream, from 0: labels name no address. */
  readonly target: number
  readonly isUp: boolean
}

/** All targets up: nothing is known against them yet. Crosses threads beside the config that it was laid out for. */
export function healthMemory(upstreams: Laid): SharedArrayBuffer {
  const targets = Object.values(upstreams).reduce((sum, upstream) => sum + upstream.targets.length, 0)
  return new SharedArrayBuffer(targets * Int32Array.BYTES_PER_ELEMENT)
}

const UP = 0
const DOWN = 1

export class HealthBoard {
  readonly #cells: Int32Array
  readonly #first: ReadonlyMap<string, number>
  readonly #upstreams: Laid

  constructor(memory: SharedArrayBuffer, upstreams: Laid) {
    this.#cells = new Int32Array(memory)
    this.#upstreams = upstreams
    const first = new Map<string, number>()
    let next = 0
    for (const [name, { targets }] of Object.entries(upstreams)) {
      first.set(name, next)
      next += targets.length
    }
    this.#first = first
  }

  /** For `TargetHealth`; a target that is not laid out is up. */
  reader(upstream: string, target: number): () => boolean {
    const cell = this.#cellOf(upstream, target)
    return () => cell === undefined || Atomics.load(this.#cells, cell) === UP
  }

  set(upstream: string, target: number, isUp: boolean): void {
    const cell = this.#cellOf(upstream, target)
    if (cell !== undefined) Atomics.store(this.#cells, cell, isUp ? UP : DOWN)
  }

  /** What another board says of the same targets of upstreams of the same name: a reload must not bring a dead one back. */
  adopt(before: HealthBoard): void {
    for (const [name, { targets }] of Object.entries(this.#upstreams)) {
      const known = before.#upstreams[name]?.targets ?? []
      for (const [index, target] of targets.entries()) {
        const then = known.indexOf(target)
        if (then !== -1) this.set(name, index, before.reader(name, then)())
      }
    }
  }

  /** Of the upstreams that are named, for metrics. */
  states(names: readonly string[]): readonly TargetState[] {
    return names.flatMap((upstream) =>
      (this.#upstreams[upstream]?.targets ?? []).map((_, target) => ({
        upstream,
        target,
        isUp: this.reader(upstream, target)(),
      })),
    )
  }

  #cellOf(upstream: string, target: number): number | undefined {
    const first = this.#first.get(upstream)
    const count = this.#upstreams[upstream]?.targets.length ?? 0
    return first === undefined || target < 0 || target >= count ? undefined : first + target
  }
}
