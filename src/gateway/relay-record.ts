// What the trail must hold of a relayed request before its answer may leave.
import type { AuditDuty } from '../core/policy.ts'
import { committed, onCommitted, type OnCommitted } from './commit.ts'
import type { Exchange } from './exchange.ts'
import { PATIENCE, type Gateway } from './gateway.ts'
import { recordDecision } from './stages/record.ts'
import { appendOutcome } from './stages/settle.ts'

export class RelayRecord {
  readonly #exchange: Exchange
  readonly #gateway: Gateway
  readonly #duty: AuditDuty
  readonly #trailMs: number
  /** Whether the decision is durable, where the response waits for it. */
  #decision: Promise<boolean> | undefined
  #isTold = false

  constructor(exchange: Exchange, duty: AuditDuty, gateway: Gateway) {
    this.#exchange = exchange
    this.#gateway = gateway
    this.#duty = duty
    this.#trailMs = (gateway.settings.patience ?? PATIENCE).trailMs
  }

  /** A safe method's decision, once (an unsafe one's has been in record). Its ticket, where there is one. */
  tellDecision(): number | undefined {
    const exchange = this.#exchange
    if (!exchange.isSafe || this.#isTold || this.#duty === 'off') return undefined
    this.#isTold = true
    return recordDecision(exchange, this.#gateway)
  }

  /** True where the answer may begin at once. Else, on a strict route, `told` hears later whether it may. */
  decide(told: OnCommitted): boolean {
    const exchange = this.#exchange
    const ticket = this.tellDecision()
    if (this.#duty !== 'strict' || !exchange.isSafe) return true
    this.#decision = ticket === undefined ? Promise.resolve(false) : committed(this.#gateway, ticket, this.#trailMs)
    void this.#decision.then(told)
    return false
  }

  /** Records the outcome, and tells whether the last byte may leave: in this call where there is nothing to wait for. */
  conclude(told: OnCommitted): void {
    // Appended before the decision is waited for, so that one commit may carry both.
    const outcome = appendOutcome(this.#exchange, this.#gateway)
    if (this.#decision !== undefined) {
      const recorded = typeof outcome === 'boolean' ? outcome : committed(this.#gateway, outcome, this.#trailMs)
      void this.#decision.then(() => recorded).then(told)
    } else if (typeof outcome === 'boolean') told(outcome)
    else onCommitted(this.#gateway, outcome, this.#trailMs, told)
  }
}
