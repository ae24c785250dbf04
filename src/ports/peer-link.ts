/** The control planes of other gateways, for when the store is away. Nothing that they answer is believed. */
export interface PeerLink {
  /** Posts the entries' bodies to the control plane at the origin. Rejects where it did not answer 200 within the limit. */
  post(origin: string, bodies: readonly string[]): Promise<void>
}
