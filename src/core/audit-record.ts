// Audit records are built from named fields, so that there is nothing to redact (contract, 7).
import type { DecisionLabel, DenialReason } from './decision.ts'
import type { PiiCounts } from './pii.ts'
import type { OrderKind } from './responder.ts'
import type { Residual } from './residual.ts'
import type { Instant } from './time.ts'

/** What every record has; `seq`, `gateway` and `worker` are added by the writer that appends it. */
interface Common {
  readonly time: Instant
}

export interface RequestRecord extends Common {
  readonly kind: 'request'
  /**
   * `decision` before the upstream is called, of a safe method before its answer leaves; `outcome` when the exchange is over. A
   * refusal, and a safe answer that comes whole, have the outcome alone. Of several outcomes with one id the last one holds.
   */
  readonly phase: 'decision' | 'outcome'
  /** Request id; the two phases share it. */
  readonly id: string
  readonly client: string
  readonly method: string
  /** Absent where no route matched. */
  readonly route?: string
  /** Parameters that name a person are replaced by pseudonyms; a path that no route matched is `<length>:<keyed hash>`. */
  readonly path: string
  readonly principal?: string
  readonly subjects?: readonly string[]
  /** How many people the answer named; the first of them stand in `subjects`. */
  readonly returned?: number
  readonly session?: string
  readonly issuer?: string
  /** Which application called: the session's `azp`, else its `client_id`. */
  readonly application?: string
  /** Whether the session was opened by a one-time password; absent where there is no session. */
  readonly otp?: boolean
  readonly decision: DecisionLabel
  readonly reason?: DenialReason | 'upstream' | 'severed' | 'aborted'
  readonly lock?: string
  readonly epoch: number
  readonly status?: number
  readonly bytes?: number
  /** Bytes that the caller sent through a tunnel. */
  readonly received?: number
  readonly durationMs?: number
  readonly upstreamMs?: number
  /** Of an answer of the upstream, where the route asks for it. */
  readonly pii?: PiiSeen
  /** What the route's level asks for beyond this, encrypted. */
  readonly detail?: SealedDetail
}

/**
 * Encrypted under one key for each person and day; `keys` are their ids. Where one of them has been deleted nobody reads it again,
 * and the record, with all proofs, stays as it is.
 */
export interface SealedDetail {
  readonly keys: readonly string[]
  /** Initialisation vector, ciphertext and tag (AES-256-GCM), base64url. */
  readonly box?: string
  /** Why there is none: more people than keys are kept for in one record, or no key could be written. */
  readonly lost?: 'people' | 'keys'
}

/** How often each class was seen in the body of a response. `unread`: it could not be read, or only in part. */
export interface PiiSeen extends PiiCounts {
  readonly unread?: 'encoded' | 'binary' | 'partly' | undefined
}

/** What one time server has said; its name is that of the config. */
export interface ClockReading {
  readonly server: string
  /** To be added to this clock to have the server's. */
  readonly offsetMs?: number
  readonly delayMs?: number
  readonly rootDelayMs?: number
  readonly rootDispersionMs?: number
  readonly stratum?: number
  readonly problem?: string
}

interface ClockRecord extends Common {
  readonly kind: 'clock'
  readonly readings: readonly ClockReading[]
  /** Off by more than is allowed, or nobody has answered. */
  readonly alarm: boolean
}

export interface OrderRecord extends Common {
  readonly kind: 'order'
  readonly order: OrderKind | 'freeze' | 'flags' | 'refreeze' | 'recovery' | 'epoch' | 'suggestion' | 'unknown'
  readonly outcome: 'accepted' | 'pending' | 'released' | 'refused'
  readonly id?: string
  readonly by?: string
  readonly channel: string
  readonly epoch: number
  readonly locks?: readonly string[]
  /** The responder who was enrolled or retired, as in a `kid`. */
  readonly responder?: string
  /** The gateway that is no longer waited for. */
  readonly forgotten?: string
  /** In a fleet: the gateway that accepted it first, by the digits of its name. */
  readonly acceptedBy?: string
  /** Who locked took it back alone. */
  readonly withdrawn?: true
  readonly reason?: string
  readonly incident?: string
  /** Of an order about an incident. */
  readonly action?: string
  /** Why it was refused; never the order's own text. */
  readonly problems?: readonly string[]
  readonly jws?: string
}

interface ProofRecord extends Common {
  readonly kind: 'proof'
  readonly epoch: number
  readonly order?: string
  readonly proofs: readonly {
    readonly worker: string
    readonly route: string
    readonly status: number
    readonly refused: boolean
  }[]
  /** Of all workers: what the lock was too late for. */
  readonly residual?: Residual
}

/** What a detector of people has found: who by pseudonym alone, and a sentence without identifiers. */
export interface AnomalyRecord extends Common {
  readonly kind: 'anomaly'
  readonly id: string
  readonly detector: string
  /** OWASP Automated Threats: OAT-011 is scraping. */
  readonly threat?: string
  /** What was done: `observe` where the route does not enforce. */
  readonly answer: string
  readonly route: string
  readonly client: string
  readonly session?: string
  readonly principal?: string
  readonly application?: string
  /** Whose count it was, how high it was, and the limit. */
  readonly key?: string
  readonly value?: number
  readonly limit?: number
  readonly sentence: string
}

/** A limit that is learned has changed, or an operator has answered a finding. */
export interface LimitRecord extends Common {
  readonly kind: 'limit'
  readonly change: 'learned' | 'accept' | 'snooze' | 'exempt'
  readonly role?: string
  readonly minutes?: number
  readonly before?: number
  readonly after?: number
  readonly accounts?: number
  readonly confidence?: string
  readonly mode?: string
  readonly anomaly?: string
  readonly by?: string
  readonly until?: Instant
  readonly reason?: string
}

/** Refusals of one second that have no record of their own (gateway/refusal-count). */
export interface RefusalsRecord extends Common {
  readonly kind: 'refusals'
  readonly count: number
  /** How many addresses they came from; those beyond 10,000 count as one. */
  readonly addresses: number
  readonly decisions: Readonly<Partial<Record<DecisionLabel, number>>>
  /** The addresses with most of them. */
  readonly clients: readonly { readonly client: string; readonly count: number }[]
}

/** Records that could not be written. The trail's signature is on it as on any other record. */
export interface GapRecord extends Common {
  readonly kind: 'gap'
  /** Records known to be lost; 0 where something happened by which none was. */
  readonly lost: number
  readonly reason: string
  /** When the first and the last of them should have been written. */
  readonly from?: Instant
  readonly to?: Instant
}

export interface LifeRecord extends Common {
  readonly kind: 'start' | 'stop'
  readonly version: string
  readonly epoch: number
  /** SHA-256 of the text of the config in force, hex. */
  readonly config?: string
}

/** The config was read anew. Its sections stand here by name alone: values may be secrets. */
export interface ConfigRecord extends Common {
  readonly kind: 'config'
  readonly outcome: 'taken' | 'refused'
  /** SHA-256 of its text, hex; absent where none could be read. */
  readonly config?: string
  /** Of the text that was in force until then. */
  readonly previous?: string
  /** The first of what has changed, such as `routes.beneficiary.read`, and how many more there are. */
  readonly changed?: readonly string[]
  readonly more?: number
  /** Keys that count from the next start on. */
  readonly restartNeeded?: readonly string[]
  readonly reason?: 'unreadable' | 'invalid' | 'lock-in-force' | 'unusable'
  readonly epoch: number
}

/** In a fleet: the view of the locks can no longer be trusted, or can again. */
interface LeaseRecord extends Common {
  readonly kind: 'lease'
  readonly state: 'stale' | 'fresh'
  readonly epoch: number
  readonly table: string
  /** Orders that others have and that are not here. */
  readonly lacking: number
}

export interface PseudonymRecord extends Common {
  readonly kind: 'session'
  readonly action: 'pseudonyms'
  readonly by: string
  readonly count: number
}

/** Who looked into the trail. The first is durable before anything is shown. */
export interface AccessRecord extends Common {
  readonly kind: 'access'
  readonly action: 'search' | 'whose' | 'sessions' | 'export'
  readonly state: 'begun' | 'ended'
  readonly by: string
  /** In a fleet: the gateway that was asked, and has passed the signed question on. */
  readonly via?: string
  /** What was asked; people by pseudonym alone. */
  readonly query: object
  readonly results?: number
}

/** Keys of recorded detail are deleted: what they have encrypted cannot be read from then on. The first is durable before that. */
export interface ErasureRecord extends Common {
  readonly kind: 'erasure'
  readonly state: 'begun' | 'ended'
  readonly by: string
  /** Pseudonyms; absent: everybody. */
  readonly subjects?: readonly string[]
  /** First and last day, UTC. */
  readonly from?: string
  readonly to?: string
  readonly reason: string
  /** How many there were. */
  readonly keys?: number
}

/** The trail's oldest records are deleted: it begins with the entry `minimum` from now on. */
interface RetentionRecord extends Common {
  readonly kind: 'retention'
  readonly minimum: number
  /** All that is deleted is older than this, epoch milliseconds. */
  readonly before: number
  readonly retentionMs: number
  readonly holds: readonly string[]
}

export type AuditRecord =
  | RequestRecord
  | AnomalyRecord
  | LimitRecord
  | RefusalsRecord
  | OrderRecord
  | ProofRecord
  | GapRecord
  | ClockRecord
  | LifeRecord
  | ConfigRecord
  | LeaseRecord
  | PseudonymRecord
  | AccessRecord
  | RetentionRecord
  | ErasureRecord
