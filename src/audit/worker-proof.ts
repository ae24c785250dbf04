// What a worker has shown, in its own hand: signed with a key that lives in that worker's thread alone, for which the gateway's key
// vouches. A text verifies itself without any secret, so that whoever holds a certificate can check it years later (decision 0012).
import { createHash, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto'
import { parseWorkerStatement, type WorkerStatement } from '../core/worker-statement.ts'

export interface WorkerKey {
  /** Raw Ed25519 public key (RFC 8032), base64url. */
  readonly key: string
  /** `payload` is canonical JSON (RFC 8785). Gives `<payload>.<signature>`, both base64url. */
  sign(payload: string): string
}

export interface OpenedProof {
  /** Raw public key of the gateway that vouches, base64url: its name follows from it. */
  readonly gatewayKey: string
  readonly statement: WorkerStatement
}

/** Public keys that were made from their texts, and vouchers that were checked: one for each worker that was ever heard of. */
const KNOWN_MAX = 10_000

/** A new key, which never leaves the memory of whoever called. */
export function createWorkerKey(): WorkerKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'jwk' }).x ?? ''
  return {
    key,
    sign(payload) {
      const encoded = Buffer.from(payload).toString('base64url')
      return `${encoded}.${sign(null, statementBytes(key, encoded), privateKey).toString('base64url')}`
    },
  }
}

/** What the gateway's key signs to vouch for a worker's: no other statement of that key begins so. */
function vouchingBytes(gateway: string, worker: string, key: string): Uint8Array {
  return Buffer.from(`portcullis-worker/1\n${gateway}\n${worker}\n${key}`)
}

function statementBytes(key: string, payload: string): Uint8Array {
  return Buffer.from(`portcullis-worker-proof/1\n${key}.${payload}`)
}

/** It follows from the key, so that nobody else can bear it: origin of the gateway's trail, and its name in a fleet. */
export function gatewayNameOf(publicKeyRaw: Uint8Array): string {
  return `portcullis/gateway-${createHash('sha256').update(publicKeyRaw).digest('hex').slice(0, 12)}`
}

/** `<gateway key>.<worker key>.<voucher>`, which a worker's `<payload>.<signature>` is put behind. */
export function vouch(
  signer: { readonly publicKeyRaw: Uint8Array; sign(bytes: Uint8Array): Uint8Array },
  worker: string,
  key: string,
): string {
  const voucher = signer.sign(vouchingBytes(gatewayNameOf(signer.publicKeyRaw), worker, key))
  return [Buffer.from(signer.publicKeyRaw).toString('base64url'), key, Buffer.from(voucher).toString('base64url')].join(
    '.',
  )
}

/** Opens proofs; what has been checked of a worker's key is not checked again. Never throws. */
export function createProofReader(): (text: string) => OpenedProof | undefined {
  const vouched = new Map<string, { readonly gateway: string; readonly worker: string; readonly key: KeyObject }>()
  return (text) => {
    const parts = text.split('.')
    if (parts.length !== 5 || !parts.every(isCanonical)) return undefined
    const [gatewayKey = '', key = '', voucher = '', payload = '', signature = ''] = parts
    const statement = parsePayload(payload)
    if (statement === undefined) return undefined
    const id = `${gatewayKey}.${key}.${voucher}.${statement.worker}`
    const known = vouched.get(id) ?? checkVoucher(gatewayKey, key, voucher, statement.worker)
    if (known?.gateway !== statement.gateway) return undefined
    if (vouched.size >= KNOWN_MAX) vouched.clear()
    vouched.set(id, known)
    if (!verify(null, statementBytes(key, payload), known.key, Buffer.from(signature, 'base64url'))) return undefined
    return { gatewayKey, statement }
  }
}

/** What a text says, unchecked: for whoever has it from its own worker. */
export function readOwnStatement(text: string): WorkerStatement | undefined {
  return parsePayload(text.split('.')[3] ?? '')
}

function checkVoucher(
  gatewayKey: string,
  key: string,
  voucher: string,
  worker: string,
): { readonly gateway: string; readonly worker: string; readonly key: KeyObject } | undefined {
  const [by, own] = [keyOf(gatewayKey), keyOf(key)]
  if (by === undefined || own === undefined) return undefined
  const gateway = gatewayNameOf(Buffer.from(gatewayKey, 'base64url'))
  const isVouched = verify(null, vouchingBytes(gateway, worker, key), by, Buffer.from(voucher, 'base64url'))
  return isVouched ? { gateway, worker, key: own } : undefined
}

function keyOf(text: string): KeyObject | undefined {
  if (Buffer.from(text, 'base64url').length !== 32) return undefined
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: text }, format: 'jwk' })
}

/** One spelling: what decodes to the same bytes with other bits at its end is another text. */
function isCanonical(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part
}

function parsePayload(payload: string): WorkerStatement | undefined {
  try {
    return parseWorkerStatement(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')))
  } catch {
    return undefined
  }
}
