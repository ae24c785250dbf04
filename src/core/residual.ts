// Residual exposure: what a lock came too late for. Told with each proof, so that a freeze is never claimed to be more than it was.

/** Of one worker, or summed, for one table. */
export interface Residual {
  /** Exchanges that the table covers and whose upstream had been called when its epoch was stored: cut and finished. */
  readonly inFlight: number
  readonly cut: number
  /** Whose last bytes left in the very turn in which the epoch was stored. */
  readonly finished: number
  /** At most so many body bytes were given to the kernel after the epoch was stored. What it had taken before is not known here. */
  readonly bytesAfter: number
  /** Of those cut: requests that may change something and had been sent whole; no gateway can recall them. */
  readonly maybeExecuted: number
}

export const NO_RESIDUAL: Residual = { inFlight: 0, cut: 0, finished: 0, bytesAfter: 0, maybeExecuted: 0 }

export function sumResiduals(residuals: readonly Residual[]): Residual {
  return residuals.reduce(
    (sum, each) => ({
      inFlight: sum.inFlight + each.inFlight,
      cut: sum.cut + each.cut,
      finished: sum.finished + each.finished,
      bytesAfter: sum.bytesAfter + each.bytesAfter,
      maybeExecuted: sum.maybeExecuted + each.maybeExecuted,
    }),
    NO_RESIDUAL,
  )
}

/** Undefined where it is none. */
export function parseResidual(value: unknown): Residual | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { inFlight, cut, finished, bytesAfter, maybeExecuted } = value as Readonly<Record<keyof Residual, unknown>>
  if (!isCount(inFlight) || !isCount(cut) || !isCount(finished) || !isCount(bytesAfter) || !isCount(maybeExecuted))
    return undefined
  return { inFlight, cut, finished, bytesAfter, maybeExecuted }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
