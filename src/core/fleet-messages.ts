// What gateways say to each other, parsed from the payload of an envelope whose signature holds (docs/decisions/0010).
// A vouched gateway is believed on its own state, not on its shapes: what is ill-typed is no message at all.
import type { Guard } from './ledger-entry.ts'
import { isWriter, WRITERS_MAX, type Have, type OrderNumber } from './order-numbers.ts'
import { isEpoch, isFields, isNumber, isText, parseList, parseRecord, type Fields } from './message-shapes.ts'
import { ROLES, type Responder, type Role } from './responder.ts'
import type { Instant } from './time.ts'

/** Given once by the gateway that first accepted an order. */
export interface Receipt extends OrderNumber {
  readonly order: string
  readonly gateway: string
  readonly epoch: number
  readonly at: Instant
  readonly guard: Guard
}

/** A gateway has ended a thaw plan early: the locks of the release hold again, at every gateway. */
export interface Refreeze extends OrderNumber {
  readonly release: string
  readonly gateway: string
  readonly epoch: number
  readonly at: Instant
  readonly why: string
}

export interface WorkerHeartbeat {
  readonly worker: string
  readonly alive: boolean
  readonly epoch: number
}

/** How a gateway stands beside its locks, by its own word. */
export interface GatewayCondition {
  readonly trail: 'healthy' | 'failing'
  /** Absent where it has nothing to compare with. */
  readonly clock?: ClockStanding
}

/** Where a gateway's wall clock stands. */
export interface ClockStanding {
  /** To be added to it to have what it was compared with. */
  readonly offsetMs: number
  /** How wrong that may be, where it is known. */
  readonly withinMs?: number
  /** `servers`: the time servers of its config; `store`: Redis' own clock; `peers`: the middle of its neighbours'. */
  readonly by: 'servers' | 'store' | 'peers'
}

export interface Heartbeat {
  readonly gateway: string
  /** The member's `seq`, then the number of the beat: what is not later than what was heard is old. */
  readonly run: number
  readonly beat: number
  readonly at: Instant
  readonly nonce: string
  readonly epoch: number
  /** Hash of the table. */
  readonly table: string
  readonly founded: boolean
  readonly have: Have
  /** `have` does not name all. */
  readonly isPartial: boolean
  /** Last nonces of others, by gateway. */
  readonly seen: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly lease: number
  readonly workers: readonly WorkerHeartbeat[]
  readonly condition?: GatewayCondition
}

export interface Member {
  readonly gateway: string
  /** Counted by the member itself, on its disk. */
  readonly seq: number
  readonly at: Instant
  readonly state: 'live' | 'left'
  /** Base URL of its control plane, where it has one that others can reach. */
  readonly address?: string
  readonly version: string
  /** Names that its config knows, for orders that are given elsewhere; absent where they are too many for a record. */
  readonly knows?: KnownNames
}

export interface KnownNames {
  readonly routes: readonly string[]
  readonly tags: readonly string[]
  readonly upstreams: readonly string[]
}

/** What a gateway's workers have shown of an order: their own words (audit/worker-proof), in this gateway's envelope. */
export interface FleetProof {
  readonly gateway: string
  readonly order: string
  readonly shown: readonly string[]
}

export function parseReceipt(value: unknown): Receipt | undefined {
  if (!isFields(value)) return undefined
  const { order, gateway, writer, seq, epoch, at } = value
  const guard = parseGuard(value.guard)
  if (!isText(order) || !isText(gateway) || !isText(writer) || !isWriter(writer) || guard === undefined)
    return undefined
  return isNumber(seq) && seq > 0 && isEpoch(epoch) && isNumber(at)
    ? { order, gateway, writer, seq, epoch, at, guard }
    : undefined
}

export function parseRefreeze(value: unknown): Refreeze | undefined {
  if (!isFields(value)) return undefined
  const { release, gateway, writer, seq, epoch, at, why } = value
  if (!isText(release) || !isText(gateway) || !isText(why) || !isText(writer) || !isWriter(writer)) return undefined
  return isNumber(seq) && seq > 0 && isEpoch(epoch) && isNumber(at)
    ? { release, gateway, writer, seq, epoch, at, why }
    : undefined
}

export function parseHeartbeat(value: unknown): Heartbeat | undefined {
  if (!isFields(value)) return undefined
  const head = parseHeartbeatHead(value)
  const have = parseRecord(value.have, isNumber, WRITERS_MAX)
  const seen = parseRecord(value.seen, isText)
  const workers = parseList(value.workers, parseWorker)
  if (head === undefined || have === undefined || seen === undefined || workers === undefined) return undefined
  if (!Object.keys(have).every(isWriter)) return undefined
  const condition = parseCondition(value.condition)
  return {
    ...{ ...head, have, isPartial: value.isPartial === true, seen, workers },
    ...(condition === undefined ? {} : { condition }),
  }
}

/** It decides nothing: one that cannot be read is one that was not told. */
function parseCondition(value: unknown): GatewayCondition | undefined {
  if (!isFields(value) || (value.trail !== 'healthy' && value.trail !== 'failing')) return undefined
  const clock = isFields(value.clock) ? parseStanding(value.clock) : undefined
  return { trail: value.trail, ...(clock === undefined ? {} : { clock }) }
}

function parseStanding({ offsetMs, withinMs, by }: Fields): ClockStanding | undefined {
  if (typeof offsetMs !== 'number' || !Number.isFinite(offsetMs)) return undefined
  if (by !== 'servers' && by !== 'store' && by !== 'peers') return undefined
  return { offsetMs, by, ...(isNumber(withinMs) ? { withinMs } : {}) }
}

function parseHeartbeatHead(
  value: Fields,
): Omit<Heartbeat, 'have' | 'isPartial' | 'seen' | 'workers' | 'condition'> | undefined {
  const { gateway, run, beat, at, nonce, epoch, table, founded, lease } = value
  if (!isText(gateway) || !isText(nonce) || !isText(table) || typeof founded !== 'boolean') return undefined
  if (!isNumber(run) || !isNumber(beat) || !isNumber(at) || !isEpoch(epoch) || !isNumber(lease)) return undefined
  return { gateway, run, beat, at, nonce, epoch, table, founded, lease }
}

export function parseMember(value: unknown): Member | undefined {
  if (!isFields(value)) return undefined
  const { gateway, seq, at, address, version } = value
  const state = (['live', 'left'] as const).find((each) => each === value.state)
  if (!isText(gateway) || !isNumber(seq) || !isNumber(at) || state === undefined || !isText(version)) return undefined
  if (address !== undefined && (!isText(address) || !/^https?:\/\/[^\s/?#@]+$/.test(address))) return undefined
  const knows = parseNames(value.knows)
  return {
    ...{ gateway, seq, at, state, version },
    ...(address === undefined ? {} : { address }),
    ...(knows === undefined ? {} : { knows }),
  }
}

export function parseFleetProof(value: unknown): FleetProof | undefined {
  if (!isFields(value)) return undefined
  const { gateway, order } = value
  const shown = parseList(value.shown, (each) => (typeof each === 'string' ? each : undefined))
  return isText(gateway) && isText(order) && shown !== undefined ? { gateway, order, shown } : undefined
}

function parseNames(value: unknown): KnownNames | undefined {
  if (!isFields(value)) return undefined
  const [routes, tags, upstreams] = [value.routes, value.tags, value.upstreams].map((list) =>
    parseList(list, (each) => (isText(each) ? each : undefined)),
  )
  return routes === undefined || tags === undefined || upstreams === undefined ? undefined : { routes, tags, upstreams }
}

function parseGuard(value: unknown): Guard | undefined {
  if (!isFields(value) || !isNumber(value.approvals)) return undefined
  const responders = parseList(value.responders, parseResponder)
  return responders === undefined ? undefined : { responders, approvals: value.approvals }
}

function parseResponder(value: unknown): Responder | undefined {
  if (!isFields(value)) return undefined
  const { name, key, keyId, retiredAt } = value
  const role: Role | undefined = ROLES.find((each) => each === value.role)
  if (!isText(name) || !isText(key) || role === undefined) return undefined
  if ((retiredAt !== undefined && !isNumber(retiredAt)) || (keyId !== undefined && !isText(keyId))) return undefined
  return {
    name,
    role,
    key,
    ...(keyId === undefined ? {} : { keyId }),
    ...(retiredAt === undefined ? {} : { retiredAt }),
  }
}

function parseWorker(value: unknown): WorkerHeartbeat | undefined {
  if (!isFields(value)) return undefined
  const { worker, alive, epoch } = value
  return isText(worker) && typeof alive === 'boolean' && Number.isSafeInteger(epoch)
    ? { worker, alive, epoch: epoch as number }
    : undefined
}
