/** What a gateway knows of its fleet, on its own disk. */
export interface FleetKnowledge {
  readonly fleet: string
  /** Whether the table here is the fleet's: it was founded here, or agreed with a founded peer's. */
  readonly founded: boolean
  /** Of this gateway's own last member record. */
  readonly seq: number
  /** Envelopes of all members that were ever heard of; they prove themselves. */
  readonly members: readonly string[]
}

/**
 * Written as a whole, so that a crash at any point leaves the one before or the one after. `read` gives undefined where there is
 * none or it cannot be read: the gateway then knows nothing of a fleet and stays in its posture. `write` rejects where it failed.
 */
export interface FleetMemory {
  read(): FleetKnowledge | undefined
  write(knowledge: FleetKnowledge): Promise<void>
}
