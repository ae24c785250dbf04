// Which dialog is open, from anywhere in the page.
import type { LockMode } from '../../../src/core/lock.ts'
import type { LockScope } from '../../../src/core/scope.ts'
import type { PendingRelease } from '../../../src/ports/control-api.ts'
import type { DecisionView } from '../../../src/ports/live-views.ts'
import { createStore } from '../store.ts'

export type Overlay =
  | { readonly kind: 'freeze'; readonly scope?: LockScope; readonly mode?: LockMode }
  | { readonly kind: 'help' }
  | { readonly kind: 'revoke'; readonly session?: string }
  | { readonly kind: 'answer'; readonly anomaly: string; readonly detector: string; readonly sentence: string }
  | { readonly kind: 'approve'; readonly proposal: PendingRelease }
  /** Of a request that was decided, or of one that is described. */
  | { readonly kind: 'explain'; readonly of?: DecisionView }

export const overlays = createStore<{ readonly open: Overlay | undefined }>({ open: undefined })

export function openOverlay(open: Overlay): void {
  overlays.set({ open })
}

export function closeOverlay(): void {
  overlays.set({ open: undefined })
}
