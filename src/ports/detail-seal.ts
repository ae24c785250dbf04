/**
 * Encrypts what a route records in detail, so that it can be erased: for each name (a person's pseudonym) and each day (UTC) there is
 * a key of its own, and only all keys of a text together open it.
 *
 * `seal` is synchronous: it is called where the record is written. Its keys outlive the process when it returns, and power loss once
 * `durable` resolves; `durable` never rejects for want of a key that `seal` did not hand out.
 */
export interface DetailSeal {
  /**
   * `bound` is what the text belongs to (the request's id): the box opens together with it alone. Undefined where a key could not be
   * written.
   */
  seal(names: readonly string[], time: number, text: string, bound: string): SealedText | undefined
  /** Undefined where nothing waits. */
  durable(): Promise<void> | undefined
}

export interface SealedText {
  readonly keys: readonly string[]
  /** base64url */
  readonly box: string
}
