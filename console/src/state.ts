// The page's one state: who is here, what the control plane says, and how fresh that is.
import type { LockView, StatusView } from '../../src/ports/control-api.ts'
import type { ChangeView, CohortsEvent, DecisionView, RateSecond } from '../../src/ports/live-views.ts'
import type { Role } from '../../src/core/responder.ts'
import type { Lang } from './messages/messages.ts'
import { createStore } from './store.ts'
import type { Zone } from './time.ts'

interface Session {
  readonly token: string
  /** Absent: the read token of a machine, which signs nothing. */
  readonly name?: string
  readonly role: Role | 'machine'
  readonly keyId?: string
}

/** How far an order that was given from here has been proven. */
export interface ProofProgress {
  readonly id: string
  readonly what: 'lock' | 'release' | 'revoke' | 'drill'
  readonly epoch: number
  readonly arrivals: readonly { readonly gateway: string; readonly elapsedMs: number }[]
  readonly total: number
  readonly done?: { readonly elapsedMs: number; readonly missing: readonly string[] }
}

/** What has happened, as it was told: it is put into words where it is shown, in the language of that moment. */
export type Happening =
  | { readonly kind: 'lock'; readonly locks: readonly LockView[] }
  | { readonly kind: 'release'; readonly locks: readonly string[] }
  | { readonly kind: 'proof'; readonly epoch: number; readonly names: readonly string[]; readonly elapsedMs: number }
  | { readonly kind: 'anomaly'; readonly detector: string; readonly sentence: string }
  | { readonly kind: 'change'; readonly change: ChangeView }

type Told = Happening & { readonly at: number }

export type Theme = 'auto' | 'dark' | 'light'

export interface PageState {
  readonly lang: Lang
  readonly zone: Zone
  readonly theme: Theme
  readonly hasShortcuts: boolean
  readonly session: Session | undefined
  /** Why the last session ended. */
  readonly ended: 'idle' | 'refused' | undefined
  readonly status: StatusView | undefined
  /** `performance.now()` of the last status: how old is what stands in the banner. */
  readonly heardAt: number
  /** `performance.now()` of the last word of the stream. */
  readonly streamAt: number
  /** `limited`: the control plane takes no more questions of this login for a while. */
  readonly connection: 'off' | 'connecting' | 'live' | 'lost' | 'limited'
  readonly clockOffsetMs: number
  readonly proof: ProofProgress | undefined
  readonly seconds: readonly RateSecond[]
  /** Absent until the first word; also for those who may not see it. */
  readonly cohorts: CohortsEvent | undefined
  /** Starts and reloads of this gateway, oldest first. */
  readonly changes: readonly ChangeView[]
  readonly moments: readonly Told[]
  readonly route: string
}

export const state = createStore<PageState>({
  lang: 'en',
  zone: 'ist',
  theme: 'auto',
  hasShortcuts: true,
  session: undefined,
  ended: undefined,
  status: undefined,
  heardAt: 0,
  streamAt: 0,
  connection: 'off',
  clockOffsetMs: 0,
  proof: undefined,
  seconds: [],
  cohorts: undefined,
  changes: [],
  moments: [],
  route: 'state',
})

/** Single decisions come by the thousand: they are kept beside the state, and looked at four times a second. */
export const decisions: { list: DecisionView[]; seen: number; untold: number } = { list: [], seen: 0, untold: 0 }
export const DECISIONS_KEPT = 2000
