// Why an order whose signature holds is refused.

export interface OrderRefusal {
  /** `bad` 400, `unknown-signer` 401, `role` 403, `conflict` 409. */
  readonly refused: 'bad' | 'unknown-signer' | 'role' | 'conflict'
  readonly problems: readonly string[]
  /** For a second delivery: what the first was answered with. */
  readonly first?: { readonly id: string; readonly epoch: number }
  /** The gateway's clock in seconds, where the order's times were off. */
  readonly now?: number
}

export function refuse(refused: OrderRefusal['refused'], ...problems: readonly string[]): OrderRefusal {
  return { refused, problems }
}
