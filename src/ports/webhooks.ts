/** Where messages go. */
export interface Webhook {
  /** https, or http where its address is allowed by config. Never logged whole: its path may be a secret. */
  readonly url: string
  /** Bytes of the key (Standard Webhooks, symmetric). */
  readonly secret: Uint8Array
}

export interface WebhookMessage {
  /** The same for each try: who receives it twice knows. */
  readonly id: string
  readonly atSeconds: number
  readonly body: string
}

/**
 * One try: signed, within a time, to an address that is allowed, whatever its name stands for at that moment. Redirects are not
 * followed, the answer is not read. Rejects with an Error of one line, without the URL; `isFinal` on it: no other try will help.
 */
export interface WebhookSender {
  send(webhook: Webhook, message: WebhookMessage): Promise<void>
}
