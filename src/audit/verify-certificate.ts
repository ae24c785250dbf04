// A lockdown certificate, checked offline: every signature in it, and whether what was signed shows what it claims. It verifies itself
// without any secret; whose keys they are is known only where they are pinned.
import { createPublicKey, verify } from 'node:crypto'
import { canonicalJson } from '../core/canonical-json.ts'
import { isFields, isNumber, isText, parseList, type Fields } from '../core/message-shapes.ts'
import { parseResidual, sumResiduals, type Residual } from '../core/residual.ts'
import { isShown, type WorkerStatement } from '../core/worker-statement.ts'
import { readOrderedText, type KnownResponder, type OrderedText } from './ordered-text.ts'
import { createProofReader, gatewayNameOf, type OpenedProof } from './worker-proof.ts'

export interface CertifiedGateway {
  readonly gateway: string
  /** Raw public key, base64url; absent of a gateway that has shown nothing. */
  readonly key?: string
  readonly isPinned: boolean
  /** Each of its workers has shown what it was asked for. */
  readonly isProven: boolean
  readonly statements: readonly WorkerStatement[]
}

export interface CertificateVerdict {
  /** Every signature holds, and nothing in it contradicts them. */
  readonly ok: boolean
  /** Nobody is missing, and every key is pinned. */
  readonly isComplete: boolean
  readonly epoch: number
  /** The gateway that made the certificate. */
  readonly by: string
  readonly time: string
  readonly orders: readonly string[]
  /** What was ordered, of those whose text stands in it. */
  readonly ordered: readonly OrderedText[]
  readonly gateways: readonly CertifiedGateway[]
  /** Members that had not proven it when it was made. */
  readonly missing: readonly string[]
  readonly residual: Residual
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

interface Parsed {
  readonly epoch: number
  readonly gateway: string
  readonly time: string
  readonly key: string
  readonly signature: string
  readonly workers: readonly string[]
  /** Compact JWS. */
  readonly texts: readonly string[]
  readonly fleet?: {
    readonly orders: readonly string[]
    readonly proven: readonly string[]
    readonly missing: readonly string[]
    readonly proofs: readonly string[]
  }
}

/** `pins`: raw public keys of gateways, base64url, kept elsewhere; `responders`: those of the people who may have ordered it. */
export function verifyCertificate(
  value: unknown,
  pins: readonly string[],
  responders: readonly KnownResponder[] = [],
): CertificateVerdict | { readonly problem: string } {
  const parsed = parse(value)
  if (typeof parsed === 'string') return { problem: parsed }
  const problems = [...checkSignature(value as Fields, parsed)]
  const read = createProofReader()
  const own = openAll(parsed.workers, read, 'workers', problems)
  const others = openAll(parsed.fleet?.proofs ?? [], read, 'fleet.proofs', problems)
  for (const { gatewayKey } of own)
    if (gatewayKey !== parsed.key) problems.push('workers holds a text of another gateway than the one that certifies')
  const gateways = gatewaysOf(parsed, [...own, ...others], pins)
  problems.push(...checkClaims(parsed, gateways))
  const orders = ordersOf(parsed, own)
  const ordered = openOrders(parsed.texts, responders, orders, problems)
  const missing = gateways.filter(({ isProven }) => !isProven).map(({ gateway }) => gateway)
  const warnings = [...warningsOf(gateways, pins), ...orderWarnings(ordered, orders, responders)]
  const ok = problems.length === 0
  return {
    ok,
    isComplete: ok && missing.length === 0 && gateways.every(({ isPinned }) => isPinned),
    ...{ epoch: parsed.epoch, by: parsed.gateway, time: parsed.time, orders, ordered },
    ...{ gateways, missing, residual: residualOf(gateways), problems, warnings },
  }
}

function parse(value: unknown): Parsed | string {
  if (!isFields(value)) return 'it is no certificate: it must be an object, as GET /api/v1/certificates/EPOCH answers'
  const { epoch, gateway, time, key, signature } = value
  const workers = parseList(value.workers, (each) => (typeof each === 'string' ? each : undefined))
  if (
    !isNumber(epoch) ||
    !isText(gateway) ||
    !isText(time) ||
    !isText(key) ||
    !isText(signature) ||
    workers === undefined
  )
    return 'it is no certificate of this version: epoch, gateway, time, key, workers and signature must stand in it'
  // One of an earlier version carries none.
  const texts = parseList(value.orders ?? [], (each) => (typeof each === 'string' ? each : undefined))
  if (texts === undefined) return 'it is no certificate of this version: its orders must be texts'
  const fleet = value.fleet === undefined ? undefined : parseFleet(value.fleet)
  if (value.fleet !== undefined && fleet === undefined)
    return 'it is no certificate of this version: its fleet must name orders, proven, missing and proofs'
  return { epoch, gateway, time, key, signature, workers, texts, ...(fleet === undefined ? {} : { fleet }) }
}

function parseFleet(value: unknown): Parsed['fleet'] {
  if (!isFields(value)) return undefined
  const texts = (list: unknown): readonly string[] | undefined =>
    parseList(list, (each) => (typeof each === 'string' ? each : undefined))
  const [orders, proven, proofs] = [texts(value.orders), texts(value.proven), texts(value.proofs)]
  const missing = parseList(value.missing, (each) => (isFields(each) && isText(each.name) ? each.name : undefined))
  if (orders === undefined || proven === undefined || proofs === undefined || missing === undefined) return undefined
  return { orders, proven, missing, proofs }
}

function checkSignature(value: Fields, { key, gateway, signature }: Parsed): readonly string[] {
  const raw = Buffer.from(key, 'base64url')
  if (raw.length !== 32) return ['key is no Ed25519 public key of 32 bytes, base64url']
  if (gatewayNameOf(raw) !== gateway) return [`the key is not that of ${gateway}: it is that of ${gatewayNameOf(raw)}`]
  const rest = Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'signature'))
  const by = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' })
  const holds = verify(null, Buffer.from(canonicalJson(rest)), by, Buffer.from(signature, 'base64url'))
  return holds
    ? []
    : ['the signature does not hold: something in the certificate was changed, or another key signed it']
}

function openAll(
  texts: readonly string[],
  read: (text: string) => OpenedProof | undefined,
  where: string,
  problems: string[],
): readonly OpenedProof[] {
  return texts.flatMap((text, index) => {
    const opened = read(text)
    if (opened === undefined)
      problems.push(
        `${where}[${index}] does not hold: no worker signed it, or no gateway vouches for that worker's key`,
      )
    return opened ?? []
  })
}

/** What cannot be read, is of another order, or was not signed by the key that is known to be theirs, is a problem. */
function openOrders(
  texts: readonly string[],
  responders: readonly KnownResponder[],
  proven: readonly string[],
  problems: string[],
): readonly OrderedText[] {
  return texts.flatMap((text, index) => {
    const order = readOrderedText(text, responders)
    if (order === undefined) problems.push(`orders[${index}] is no order: a compact JWS with kid and order`)
    else if (!proven.includes(order.id))
      problems.push(`orders[${index}] has the id ${order.id}, which nobody has proven`)
    else if (order.signature === 'forged')
      problems.push(`orders[${index}] was not signed by the key given for ${order.kid}`)
    return order ?? []
  })
}

function orderWarnings(
  ordered: readonly OrderedText[],
  proven: readonly string[],
  responders: readonly KnownResponder[],
): readonly string[] {
  const unread = proven.filter((id) => !ordered.some((each) => each.id === id))
  const unknown = ordered.filter(({ signature }) => signature === 'unknown' || signature === 'passkey')
  return [
    ...(ordered.length > 0 ? unread.map((id) => `the text of order ${id} does not stand in it`) : []),
    // Who gives no key asks whether it was proven, not who ordered it.
    ...(responders.length === 0 ? [] : unknown.map(unknownText)),
  ]
}

function unknownText({ id, kid, signature }: OrderedText): string {
  return signature === 'passkey'
    ? `order ${id} bears a signature by a passkey of ${kid}, which only a gateway checks`
    : `order ${id} says to be signed by ${kid}, of whom no key was given`
}

function gatewaysOf(
  parsed: Parsed,
  opened: readonly OpenedProof[],
  pins: readonly string[],
): readonly CertifiedGateway[] {
  const names = new Set([
    parsed.gateway,
    ...(parsed.fleet?.proven ?? []),
    ...(parsed.fleet?.missing ?? []),
    ...opened.map(({ statement }) => statement.gateway),
  ])
  return [...names].map((gateway) => {
    const theirs = opened.filter(({ statement }) => statement.gateway === gateway)
    const statements = distinct(theirs.map(({ statement }) => statement))
    const key = theirs[0]?.gatewayKey ?? (gateway === parsed.gateway ? parsed.key : undefined)
    return {
      gateway,
      ...(key === undefined ? {} : { key }),
      isPinned: key !== undefined && pins.includes(key),
      isProven: isWhole(parsed, statements),
      statements,
    }
  })
}

/** A text may stand in it twice: as the gateway's own, and as the fleet's. */
function distinct(statements: readonly WorkerStatement[]): readonly WorkerStatement[] {
  return [...new Map(statements.map((each) => [canonicalJson(each), each])).values()]
}

/** Of each order each worker that the gateway has, by its own word. */
function isWhole({ fleet, epoch }: Parsed, statements: readonly WorkerStatement[]): boolean {
  const workers = new Set(statements.flatMap((each) => each.workers))
  const needed: readonly (string | undefined)[] = fleet === undefined ? [undefined] : fleet.orders
  const shows = (worker: string, order: string | undefined): boolean =>
    statements.some(
      (each) =>
        each.worker === worker &&
        isShown(each) &&
        (order === undefined ? each.epoch >= epoch : each.orders.includes(order)),
    )
  return workers.size > 0 && needed.every((order) => [...workers].every((worker) => shows(worker, order)))
}

/** What the certifying gateway claims beyond what the workers have signed. */
function checkClaims({ fleet }: Parsed, gateways: readonly CertifiedGateway[]): readonly string[] {
  return (fleet?.proven ?? []).flatMap((name) =>
    gateways.find(({ gateway }) => gateway === name)?.isProven === true
      ? []
      : [`it claims that ${name} has proven it, and holds no proof of each of its workers`],
  )
}

function warningsOf(gateways: readonly CertifiedGateway[], pins: readonly string[]): readonly string[] {
  const unpinned = gateways.filter(({ key, isPinned }) => key !== undefined && !isPinned)
  const unused = pins.filter((pin) => !gateways.some(({ key }) => key === pin))
  return [
    ...unpinned.map(
      ({ gateway, key }) =>
        `the key of ${gateway} is not pinned: anybody can make such a key; if it is yours, keep it: ${key}`,
    ),
    ...unused.map((pin) => `no gateway with the pinned key ${pin} stands in it: that gateway has proven nothing here`),
  ]
}

function residualOf(gateways: readonly CertifiedGateway[]): Residual {
  return sumResiduals(
    gateways.flatMap(({ statements }) => statements.flatMap(({ residual }) => parseResidual(residual) ?? [])),
  )
}

function ordersOf({ fleet }: Parsed, own: readonly OpenedProof[]): readonly string[] {
  return fleet?.orders ?? [...new Set(own.flatMap(({ statement }) => statement.orders))]
}
