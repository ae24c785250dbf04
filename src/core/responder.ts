// A responder: a person who gives orders, or a receiver that passes revocations on, and what their role lets them order.
import { keyMaterial, parsePasskey } from './passkey.ts'

export const ROLES = ['viewer', 'auditor', 'receiver', 'responder', 'commander'] as const
export type Role = (typeof ROLES)[number]

export interface Responder {
  readonly name: string
  readonly role: Role
  /** Raw Ed25519 public key (RFC 8032), base64url; or that of a passkey, as core/passkey has it. */
  readonly key: string
  /** Tells a key that was enrolled by an order from the person's others. */
  readonly keyId?: string
  /** From this instant on the responder's signature is refused; leavers are retired, never deleted. */
  readonly retiredAt?: number
}

/** What the `kid` of their orders says: the name, with the id of the key where it has one. */
export function keyNameOf({ name, keyId }: Pick<Responder, 'name' | 'keyId'>): string {
  return keyId === undefined ? name : `${name}#${keyId}`
}

/** Id of a key that lives in a browser: the console makes such ids, and enrols no key under another. */
const BROWSER_KEY_ID = /^browser(?:-|$)/i

/**
 * A captured gateway could serve a page that misuses such a key, so what opens is never signed by such keys alone. A passkey is one
 * too: it shows its owner no order, and they touch it for what the page says that it is.
 */
export function isBrowserKey({ key, keyId }: Pick<Responder, 'key' | 'keyId'>): boolean {
  return parsePasskey(key) !== undefined || (keyId !== undefined && BROWSER_KEY_ID.test(keyId))
}

export type OrderKind =
  | 'lock'
  | 'release'
  | 'approve'
  | 'revoke'
  | 'enrol'
  | 'retire'
  | 'exempt'
  | 'drill'
  | 'genesis'
  | 'forget'
  | 'incident'

const RANK: Readonly<Record<Role, number>> = { receiver: -1, viewer: 0, auditor: 1, responder: 2, commander: 3 }
const NEEDED: Readonly<Record<OrderKind, Role>> = {
  lock: 'responder',
  release: 'responder',
  approve: 'commander',
  revoke: 'responder',
  enrol: 'commander',
  retire: 'commander',
  exempt: 'commander',
  genesis: 'commander',
  forget: 'commander',
  drill: 'responder',
  incident: 'responder',
}

export const ORDER_KINDS = Object.keys(NEEDED) as readonly OrderKind[]

/** A receiver's key lies on a gateway's disk and signs what an issuer reports: it ends sessions, and does nothing else. */
export function mayOrder(role: Role, kind: OrderKind): boolean {
  if (role === 'receiver') return kind === 'revoke'
  return RANK[role] >= RANK[NEEDED[kind]]
}

/** May see what is told of people: the trail, their pseudonyms, single decisions. */
export function mayAudit(role: Role): boolean {
  return RANK[role] >= RANK.auditor
}

export function neededRole(kind: OrderKind): Role {
  return NEEDED[kind]
}

/** It is carried out at once; what opens, or may open later, is durable first. */
export function isLocking(kind: OrderKind): boolean {
  return kind === 'lock' || kind === 'revoke' || kind === 'drill'
}

/** One person is one name and one key: a second key under the same name is not a second person, nor the reverse. */
export function isSamePerson(a: Responder, b: Responder): boolean {
  return a.name === b.name || keyMaterial(a.key) === keyMaterial(b.key)
}
