// What gateways say to each other, parsed from the payload of an envelope whose signature holds (docs/decisions/0010).
// A vouched gateway is believed on its own state, not on its shapes: what is ill-typed is no message at all.
import type { Guard } from './ledger-entry.ts'
import { isWriter, WRITERS_MAX, type Have, type OrderNumber } from './order-numbers.ts'
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

export interface WorkerHeartbeat {
  readonly worker: string
  readonly alive: boolean
  readonly epoch: number
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
}

export interface FleetProof {
  readonly gateway: string
  readonly worker: string
  /** All workers of the gateway: it has proven once each has. */
  readonly workers: readonly string[]
  readonly order: string
  readonly epoch: number
  readonly table: string
  readonly at: Instant
  readonly proof: 'canary' | 'table'
  readonly canaries: readonly { readonly route: string; readonly status: number; readonly refused: boolean }[]
}

/** Epochs live in 32 bits of shared memory. */
const EPOCH_MAX = 2 ** 31 - 2
const TEXT_MAX = 256
const LIST_MAX = 4096

type Fields = Readonly<Record<string, unknown>>

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

export function parseHeartbeat(value: unknown): Heartbeat | undefined {
  if (!isFields(value)) return undefined
  const head = parseHeartbeatHead(value)
  const have = parseRecord(value.have, isNumber, WRITERS_MAX)
  const seen = parseRecord(value.seen, isText, LIST_MAX)
  const workers = parseList(value.workers, parseWorker)
  if (head === undefined || have === undefined || seen === undefined || workers === undefined) return undefined
  if (!Object.keys(have).every(isWriter)) return undefined
  return { ...head, have, isPartial: value.isPartial === true, seen, workers }
}

function parseHeartbeatHead(value: Fields): Omit<Heartbeat, 'have' | 'isPartial' | 'seen' | 'workers'> | undefined {
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
  return { gateway, seq, at, state, version, ...(address === undefined ? {} : { address }) }
}

export function parseFleetProof(value: unknown): FleetProof | undefined {
  if (!isFields(value)) return undefined
  const { gateway, worker, order, epoch, table, at } = value
  const workers = parseList(value.workers, (each) => (isText(each) ? each : undefined))
  const proof = (['canary', 'table'] as const).find((each) => each === value.proof)
  const canaries = parseList(value.canaries, parseCanary)
  if (workers === undefined || canaries === undefined || proof === undefined) return undefined
  if (!isText(gateway) || !isText(worker) || !isText(order) || !isEpoch(epoch) || !isText(table) || !isNumber(at))
    return undefined
  return { gateway, worker, workers, order, epoch, table, at, proof, canaries }
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

function parseCanary(value: unknown): FleetProof['canaries'][number] | undefined {
  if (!isFields(value)) return undefined
  const { route, status, refused } = value
  return isText(route) && isNumber(status) && typeof refused === 'boolean' ? { route, status, refused } : undefined
}

function parseList<T>(value: unknown, parse: (each: unknown) => T | undefined): readonly T[] | undefined {
  if (!Array.isArray(value) || value.length > LIST_MAX) return undefined
  const parsed = value.map(parse)
  return parsed.includes(undefined) ? undefined : (parsed as T[])
}

/** Keeps own members only, whatever they are named. */
function parseRecord<T>(value: unknown, is: (each: unknown) => each is T, most: number): Record<string, T> | undefined {
  if (!isFields(value)) return undefined
  const members = Object.entries(value)
  if (members.length > most || !members.every(([key, each]) => isText(key) && is(each))) return undefined
  return Object.assign(Object.create(null) as object, Object.fromEntries(members)) as Record<string, T>
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= TEXT_MAX
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isEpoch(value: unknown): value is number {
  return isNumber(value) && value <= EPOCH_MAX
}
