// Leave to forward one request, as a value that cannot be forged.
import type { Route } from './route.ts'

/**
 * Holding a Permit is the proof that every check passed, so `forward` takes a Permit and nothing else will do: the
 * constructor is private, and only stages/admit.ts may call `grantPermit` (rule permits-are-granted-in-one-place).
 */
class Permit {
  readonly route: Route
  /** Epoch of the lock table that the checks were made against. */
  readonly epoch: number
  readonly #granted = true

  private constructor(route: Route, epoch: number) {
    this.route = route
    this.epoch = epoch
  }

  static grant(route: Route, epoch: number): Permit {
    return new Permit(route, epoch)
  }

  static isPermit(value: object): value is Permit {
    return #granted in value && value.#granted
  }
}

export type { Permit }
export const grantPermit = (route: Route, epoch: number): Permit => Permit.grant(route, epoch)
