// A line of any log, as detectors can judge it.
import type { Attempt } from '../../core/policy.ts'

export interface LogEvent {
  /** Epoch milliseconds. */
  readonly time: number
  readonly address: string
  /** Session and caller, by any name that the log has for them; a client without either is its address. */
  readonly session?: string
  readonly account?: string
  readonly partner?: string
  readonly method?: string
  readonly path?: string
  /** Route id. */
  readonly route?: string
  /** Whose records were read. */
  readonly subjects: readonly string[]
  readonly status: number
  /** Client stack: user agent, with the order of field names where the log has it. */
  readonly stack?: string
  readonly attempt?: Attempt
  /** Whom a try was about. */
  readonly target?: string
  /** Opened by a one-time password, where the log tells. */
  readonly verified?: boolean
  /** The session does not own the people it asked for, and was refused for that. */
  readonly notOwner?: boolean
  /** What it truly was, where somebody has said: `benign`, or the name of an attack. */
  readonly label?: string
}

export const BENIGN = 'benign'

/** Who a line is of: what reports count. */
export function clientOf(event: LogEvent): string {
  return event.account ?? event.session ?? event.address
}

export function isAttack({ label }: LogEvent): boolean {
  return label !== undefined && label !== BENIGN
}
