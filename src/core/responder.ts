// A responder: a person who gives orders, and what their role lets them order.

export const ROLES = ['viewer', 'auditor', 'responder', 'commander'] as const
export type Role = (typeof ROLES)[number]

export interface Responder {
  readonly name: string
  readonly role: Role
  /** Raw Ed25519 public key (RFC 8032), base64url. */
  readonly key: string
  /** From this instant on the responder's signature is refused; leavers are retired, never deleted. */
  readonly retiredAt?: number
}

export type OrderKind = 'lock' | 'release' | 'approve' | 'revoke'

const RANK: Readonly<Record<Role, number>> = { viewer: 0, auditor: 1, responder: 2, commander: 3 }
const NEEDED: Readonly<Record<OrderKind, Role>> = {
  lock: 'responder',
  revoke: 'responder',
  release: 'responder',
  approve: 'commander',
}

export function mayOrder(role: Role, kind: OrderKind): boolean {
  return RANK[role] >= RANK[NEEDED[kind]]
}

export function neededRole(kind: OrderKind): Role {
  return NEEDED[kind]
}
