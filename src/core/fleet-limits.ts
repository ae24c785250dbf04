// Bounds on what a store may hand over: whoever can write to it can slow a gateway down by no more than this.

/** Bytes of one body in the store: an order (64 KiB at most) and its receipt. */
export const BODY_BYTES_MAX = 131_072

/** Entries of one exchange, or of one page of the snapshot. */
export const ENTRIES_MAX = 256

/** How long a proof is kept in the store: as long as an incident is worked on. */
export const PROOF_TTL_MS = 30 * 24 * 3_600_000
