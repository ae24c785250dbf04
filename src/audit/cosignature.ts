// What a witness says of a checkpoint: timestamped Ed25519 cosignatures (C2SP tlog-cosignature v1, type 0x04 of signed-note).
import { createHash, createPublicKey, verify } from 'node:crypto'
import type { Signer } from '../ports/signer.ts'
import { parseBase64, parseNote, type Refused } from './note.ts'

const TYPE = 4
const KEY_BYTES = 32
const TIME_BYTES = 8
const SIGNATURE_BYTES = 64

/** A witness's verification key: `name+id+base64(0x04 || key)`. */
export interface WitnessKey {
  readonly name: string
  readonly id: string
  readonly publicKeyRaw: Uint8Array
}

export function createWitnessKey(name: string, publicKeyRaw: Uint8Array): WitnessKey {
  const hash = createHash('sha256').update(`${name}\n`).update(Buffer.of(TYPE)).update(publicKeyRaw)
  return { name, id: hash.digest('hex').slice(0, 8), publicKeyRaw }
}

export function formatWitnessKey({ name, id, publicKeyRaw }: WitnessKey): string {
  return `${name}+${id}+${Buffer.concat([Buffer.of(TYPE), publicKeyRaw]).toString('base64')}`
}

export function parseWitnessKey(text: string): WitnessKey | Refused {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text) ?? []
  const bytes = parseBase64(encoded ?? '')
  if (name === undefined || bytes?.length !== 1 + KEY_BYTES || bytes[0] !== TYPE)
    return { problem: "a witness's key is written NAME+ID+BASE64: this one is not of that type" }
  const key = createWitnessKey(name, bytes.subarray(1))
  return key.id === id ? key : { problem: `the key id ${id} does not belong to the key of ${name}` }
}

/** What is signed: the time (seconds), and the checkpoint's text to its last newline. */
function messageOf(text: string, seconds: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`)
}

/** The signature line, with its newline. `text`: the checkpoint's, without signatures. */
export function cosign(text: string, seconds: number, signer: Signer): string {
  const { id } = createWitnessKey(signer.name, signer.publicKeyRaw)
  const time = Buffer.alloc(TIME_BYTES)
  time.writeBigUInt64BE(BigInt(seconds))
  const line = Buffer.concat([Buffer.from(id, 'hex'), time, signer.sign(messageOf(text, seconds))])
  return `\u2014 ${signer.name} ${line.toString('base64')}\n`
}

/** When the witness has signed the note (seconds since 1970); undefined where it has not; a problem where its line does not hold. */
export function readCosignature(note: string, key: WitnessKey): { readonly seconds: number } | Refused | undefined {
  const parsed = parseNote(note)
  if ('problem' in parsed) return parsed
  const own = parsed.signatures.filter(({ name, id }) => name === key.name && id === key.id)
  if (own.length === 0) return undefined
  const x = Buffer.from(key.publicKeyRaw).toString('base64url')
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  let seconds = 0
  for (const { signature } of own) {
    if (signature.length !== TIME_BYTES + SIGNATURE_BYTES)
      return { problem: `the cosignature of ${key.name} has another length` }
    seconds = Number(signature.readBigUInt64BE(0))
    const holds =
      Number.isSafeInteger(seconds) &&
      verify(null, messageOf(parsed.text, seconds), publicKey, signature.subarray(TIME_BYTES))
    if (!holds) return { problem: `the cosignature of ${key.name} does not hold` }
  }
  return { seconds }
}
