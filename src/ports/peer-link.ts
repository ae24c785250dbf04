/** The control planes of other gateways, for when the store is away. Nothing that they answer is believed. */
export interface PeerLink {
  /** Posts the entries' bodies to the control plane at the origin. Rejects where it did not answer 200 within the limit. */
  post(origin: string, bodies: readonly string[]): Promise<void>
  /**
   * Asks for a list of people, which goes into the file. Resolves with its SHA-256 (base64url) and the answer's seal, which is not checked.
   * Rejects with an Error of one line that says why there is none.
   */
  askPeople(origin: string, body: object, file: string): Promise<{ readonly sha256: string; readonly seal: string }>
}
