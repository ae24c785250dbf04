// What the main thread and a data-plane worker say to each other. Tables go by a port of their own (gateway/lock-view).
import type { CanaryProof } from './data-plane.ts'

/** `Config` and `Batch` are opaque here: the composition roots agree on them. */
export type ToWorker<Config> =
  | { readonly type: 'reload'; readonly config: Config }
  | { readonly type: 'prove'; readonly id: number; readonly routes: readonly string[]; readonly drill?: string }
  /** Every target that is down by its checks; what is not named is up. */
  | { readonly type: 'down'; readonly targets: readonly string[] }
  | { readonly type: 'drain'; readonly timeoutMs: number }

export type FromWorker<Batch, Announcement> =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'enforcing'; readonly epoch: number; readonly severed: number }
  | { readonly type: 'durable'; readonly batch: Batch }
  | { readonly type: 'trail'; readonly healthy: boolean; readonly problem?: string }
  | { readonly type: 'series'; readonly announcement: Announcement }
  | { readonly type: 'proof'; readonly id: number; readonly proofs: readonly Omit<CanaryProof, 'worker'>[] }
  | { readonly type: 'reloaded'; readonly problem?: string }
  | { readonly type: 'drained'; readonly clean: boolean }
