/**
 * An Ed25519 key that signs for this gateway: checkpoints, proofs, receipts. Whoever holds the private key keeps it;
 * nothing that signs through this port ever sees it.
 */
export interface Signer {
  /** Key name of the signed notes, equal to the log's origin (C2SP signed-note): no spaces, no `+`. */
  readonly name: string
  /** The 32 bytes of RFC 8032. */
  readonly publicKeyRaw: Uint8Array
  /** The 64 bytes of a pure Ed25519 signature (RFC 8032). Synchronous and deterministic; throws only where the key cannot be used at all. */
  sign(bytes: Uint8Array): Uint8Array
}
