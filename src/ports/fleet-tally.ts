// What the gateways of a fleet count together of sessions, so that a second gateway is no second budget and no second first use.

/** What one OTP was used for, as `throttle/budget-slab` names it: the same words in each gateway of a fleet. */
interface FleetSpending {
  readonly otp: string
  /** Granted before, as far as this gateway knows: told again, so that a store that came back empty knows it too. */
  readonly held: readonly string[]
  readonly fresh: readonly string[]
}

interface FleetLimits {
  readonly people: number
  readonly routes: number
}

/** `held`: all that the fleet has granted to the OTP, among it what another gateway has. */
export type FleetVerdict = { readonly fits: true } | { readonly fits: false; readonly held: readonly string[] }

/** Each method is one atomic step for the whole fleet. Never rejects. */
export interface FleetTally {
  /** `first` for one alone of all who say so of this name; `full` where that cannot be told: then nobody may be let through. */
  once(name: Uint8Array, ttlMs: number): Promise<'first' | 'again' | 'full'>
  /** Takes all that is fresh, or none of it where it does not fit. Undefined: the store does not answer. */
  spend(spending: FleetSpending, limits: FleetLimits): Promise<FleetVerdict | undefined>
  /** Gateways that count in the fleet, this one among them; 0 where that is not known yet. */
  members(): number
  close(): Promise<void>
}
