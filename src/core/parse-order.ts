// The order within a statement: unknown -> Order, or every problem that it has.
import { didYouMean } from './did-you-mean.ts'
import { LOCK_MODES } from './lock.ts'
import {
  count,
  duration,
  given,
  isFields,
  messages,
  nonEmpty,
  oneOf,
  pseudonym,
  Reader,
  strings,
} from './order-reader.ts'
import { parseScope, PSEUDONYM_WANTED } from './order-scope.ts'
import { parseThaw } from './order-thaw.ts'
import { parsePasskey } from './passkey.ts'
import {
  INCIDENT_ACTIONS,
  LOCK_STATUSES,
  type Order,
  type OrderProblems,
  type ReleaseOrder,
  type SeenCheckpoint,
} from './order.ts'
import { ORDER_KINDS, ROLES, type OrderKind } from './responder.ts'
import { parseInstant, parseLimit } from './time.ts'

export function parseOrder(value: unknown): Order | OrderProblems {
  if (!isFields(value)) return { problems: ['order is required: an object with a kind'] }
  const { kind } = value
  if (!ORDER_KINDS.includes(kind as OrderKind)) {
    const near = typeof kind === 'string' ? didYouMean(kind, ORDER_KINDS) : ''
    return { problems: [`order.kind must be one of ${ORDER_KINDS.join(', ')}${near}`] }
  }
  const reader = new Reader(value, 'order.')
  const order = PARSERS[kind as OrderKind](reader)
  return reader.problems.length > 0 ? { problems: reader.problems } : order
}

const REASON = 'say why, for the trail'
const INCIDENT = 'the incident that the order belongs to, such as INC-7'
/** It stands in a `kid`, before or behind a `#`. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const NAME_WANTED = 'letters, digits, dot, hyphen and underscore, at most 100, beginning with a letter or a digit'
const KEY_WANTED =
  'a raw Ed25519 public key, the 43 characters that portcullis keygen prints, or a passkey as the console prints it (passkey:ES256:DOMAIN:...)'
const EXEMPTION_MS_MAX = 86_400_000

const PARSERS: Readonly<Record<OrderKind, (reader: Reader) => Order>> = {
  lock(reader) {
    reader.known(['kind', 'scope', 'mode', 'reason', 'incident', 'ttl', 'onExpiry', 'status', 'message', 'limit'])
    const mode = reader.optional('mode', `one of ${LOCK_MODES.join(', ')}`, oneOf(LOCK_MODES)) ?? 'deny'
    const ttlMs = reader.optional('ttl', 'a duration such as "2h"', duration)
    const limit = reader.optional('limit', 'a rate such as "6/m"', (value) =>
      typeof value === 'string' ? parseLimit(value) : undefined,
    )
    if (limit !== undefined && mode !== 'throttle') reader.problem('limit', 'goes with mode throttle alone')
    return {
      kind: 'lock',
      scope: parseScope(reader),
      mode,
      reason: reader.text('reason', REASON),
      incident: reader.text('incident', INCIDENT),
      onExpiry:
        reader.optional('onExpiry', 'stay, read-only or open', oneOf(['stay', 'read-only', 'open'] as const)) ?? 'stay',
      status: reader.optional('status', `one of ${LOCK_STATUSES.join(', ')}`, oneOf(LOCK_STATUSES)) ?? 503,
      message:
        reader.optional('message', 'texts by language tag, such as { "en": "...", "hi": "..." }', messages) ?? {},
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(mode === 'throttle' ? { limit: limit ?? { count: 6, periodMs: 60_000 } } : {}),
    }
  },
  release(reader) {
    reader.known(['kind', 'locks', 'reason', 'epoch', 'checkpoint', 'thaw', 'withdraw'])
    const locks = parseLocks(reader, 'the ids of the locks to release')
    const thaw = parseThaw(reader)
    const withdraw = reader.optional('withdraw', 'true', oneOf([true] as const))
    if (withdraw === true && reader.has('thaw'))
      reader.problem('withdraw', 'takes the lock back at once, so thaw does not go with it')
    return {
      kind: 'release',
      locks,
      reason: reader.text('reason', REASON),
      ...parseSeen(reader),
      ...given({ thaw, withdraw }),
    }
  },
  approve(reader) {
    reader.known(['kind', 'release', 'epoch', 'checkpoint'])
    return {
      kind: 'approve',
      release: reader.text('release', 'the id of the proposed release'),
      ...parseSeen(reader),
    }
  },
  revoke(reader) {
    reader.known(['kind', 'before', 'subject', 'session', 'client', 'reason', 'incident'])
    const before = reader.optional('before', 'an RFC 3339 time', (value) =>
      typeof value === 'string' ? parseInstant(value) : undefined,
    )
    const subject = reader.optional('subject', PSEUDONYM_WANTED, pseudonym)
    const session = reader.optional('session', PSEUDONYM_WANTED, pseudonym)
    const client = reader.optional('client', 'a client id', nonEmpty)
    if (!['before', 'subject', 'session', 'client'].some((key) => reader.has(key))) {
      reader.problem('before', 'is required where no subject, session or client is named')
    }
    return {
      kind: 'revoke',
      reason: reader.text('reason', REASON),
      incident: reader.text('incident', INCIDENT),
      ...given({ before, subject, session, client }),
    }
  },
  enrol(reader) {
    reader.known(['kind', 'name', 'role', 'key', 'keyId', 'reason'])
    const keyId = reader.optional('keyId', NAME_WANTED, name)
    return {
      kind: 'enrol',
      name: reader.required('name', NAME_WANTED, name) ?? '',
      role: reader.required('role', `one of ${ROLES.join(', ')}`, oneOf(ROLES)) ?? 'viewer',
      key: reader.required('key', KEY_WANTED, publicKey) ?? '',
      reason: reader.text('reason', REASON),
      ...given({ keyId }),
    }
  },
  retire(reader) {
    reader.known(['kind', 'name', 'key', 'reason'])
    const key = reader.optional('key', KEY_WANTED, publicKey)
    return {
      kind: 'retire',
      name: reader.text('name', 'the name of the responder who is retired'),
      reason: reader.text('reason', REASON),
      ...given({ key }),
    }
  },
  exempt(reader) {
    reader.known(['kind', 'locks', 'scope', 'ttl', 'reason', 'epoch', 'checkpoint'])
    const scope = parseScope(reader)
    if (scope.all === true) reader.problem('scope', 'names everything: what opens a lock whole is a release')
    const ttlMs = reader.required('ttl', 'how long, such as "2h", at most 24h', duration) ?? 0
    if (ttlMs > EXEMPTION_MS_MAX) reader.problem('ttl', 'is more than 24h: exempt anew, or release')
    return {
      kind: 'exempt',
      locks: parseLocks(reader, 'the ids of the locks that it goes through'),
      scope,
      ttlMs,
      reason: reader.text('reason', REASON),
      ...parseSeen(reader),
    }
  },
  drill(reader) {
    reader.known(['kind', 'reason'])
    const reason = reader.optional('reason', 'a text', nonEmpty)
    return { kind: 'drill', ...given({ reason }) }
  },
  incident(reader) {
    reader.known(['kind', 'incident', 'action', 'noticedAt', 'reason'])
    const action = reader.required('action', `one of ${INCIDENT_ACTIONS.join(', ')}`, oneOf(INCIDENT_ACTIONS)) ?? 'open'
    const noticedAt = reader.optional('noticedAt', 'an RFC 3339 time', (value) =>
      typeof value === 'string' ? parseInstant(value) : undefined,
    )
    if (noticedAt !== undefined && action !== 'open') reader.problem('noticedAt', 'goes with action open alone')
    return {
      kind: 'incident',
      incident: reader.text('incident', INCIDENT),
      action,
      reason: reader.text('reason', action === 'open' ? 'say what it is about' : REASON),
      ...given({ noticedAt }),
    }
  },
  genesis(reader) {
    reader.known(['kind', 'reason'])
    return { kind: 'genesis', reason: reader.text('reason', REASON) }
  },
  forget(reader) {
    reader.known(['kind', 'gateway', 'reason'])
    return {
      kind: 'forget',
      gateway: reader.required('gateway', 'the name of a gateway, as portcullis status has it', gatewayName) ?? '',
      reason: reader.text('reason', REASON),
    }
  },
}

function gatewayName(value: unknown): string | undefined {
  return typeof value === 'string' && /^portcullis\/gateway-[0-9a-f]{12}$/.test(value) ? value : undefined
}

function parseLocks(reader: Reader, what: string): readonly string[] {
  const locks = strings(reader.field('locks'))
  if (locks === undefined) reader.problem('locks', `is required: ${what}`)
  return locks ?? []
}

function parseSeen(reader: Reader): Pick<ReleaseOrder, 'epoch' | 'checkpoint'> {
  const epoch = reader.optional('epoch', 'a whole number', count)
  const checkpoint = reader.optional('checkpoint', CHECKPOINT_WANTED, seenCheckpoint)
  return given({ epoch, checkpoint })
}

const CHECKPOINT_WANTED = "the trail's checkpoint, as GET /api/v1/status tells it: { origin, size, root }"

function seenCheckpoint(value: unknown): SeenCheckpoint | undefined {
  if (!isFields(value)) return undefined
  const [origin, size, root] = [nonEmpty(value.origin), count(value.size), nonEmpty(value.root)]
  if (origin === undefined || size === undefined || root === undefined || !/^[A-Za-z0-9+/]{43}=$/.test(root))
    return undefined
  return { origin, size, root }
}

function name(value: unknown): string | undefined {
  return typeof value === 'string' && NAME.test(value) ? value : undefined
}

/** Whether it is a key that somebody can hold is judged later. */
function publicKey(value: unknown): string | undefined {
  const isKey = typeof value === 'string' && (/^[A-Za-z0-9_-]{43}$/.test(value) || parsePasskey(value) !== undefined)
  return isKey ? value : undefined
}
