// Locks that hold again by the clock alone: an exemption is over, a thaw plan has missed its deadline. No new table tells of it,
// so what is open then is cut by a timer of the worker's own.
import { tightensAt, type CompiledTable } from '../core/lock-table.ts'
import type { Clock } from '../ports/clock.ts'
import type { InFlight } from './in-flight.ts'

/** Runs once after so many milliseconds; returns how to take that back. */
export type Schedule = (run: () => void, ms: number) => () => void

/** A wall clock may be stepped: the moment is looked at again at least so often. */
const LOOK_AGAIN_MS = 1000

/** To be called with each table that the worker takes. */
export function createTurnsOfTime(
  inFlight: InFlight,
  clock: Pick<Clock, 'now'>,
  schedule: Schedule,
): (table: CompiledTable) => void {
  let cancel = (): void => undefined
  const wait = (table: CompiledTable): void => {
    cancel()
    const now = clock.now()
    const next = tightensAt(table, now)
    if (next === undefined) return
    cancel = schedule(
      () => {
        if (clock.now() >= next) inFlight.sever(table, clock.now())
        wait(table)
      },
      Math.min(next - now, LOOK_AGAIN_MS),
    )
  }
  return wait
}
