// Signed notes and their Ed25519 keys: C2SP signed-note.
import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Signer } from '../ports/signer.ts'

const ED25519 = 1
const KEY_BYTES = 32
const SIGNATURE_BYTES = 64
/** `— name signature`, with U+2014. */
const SIGNATURE_LINE = /^\u2014 (\S+) (\S+)$/
const NAME = /^[^\s+]+$/u
const VKEY = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u

/** A verification key: `name+id+base64(type || key)`. */
export interface Vkey {
  readonly name: string
  /** Four bytes as eight hex digits; names the key in a signature line, and proves nothing. */
  readonly id: string
  readonly publicKeyRaw: Uint8Array
}

interface NoteSignature {
  readonly name: string
  readonly id: string
  readonly signature: Buffer
}

export interface Note {
  /** What is signed, with its last newline. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

export interface Refused {
  readonly problem: string
}

/** Standard base64 with padding, and only the one spelling of each value: a flipped spare bit is refused. */
export function parseBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

function idOf(name: string, publicKeyRaw: Uint8Array): string {
  const hash = createHash('sha256').update(`${name}\n`).update(Buffer.of(ED25519)).update(publicKeyRaw)
  return hash.digest('hex').slice(0, 8)
}

/** Throws a TypeError where the name cannot be a key name or the key has no 32 bytes. */
export function createVkey(name: string, publicKeyRaw: Uint8Array): Vkey {
  if (!NAME.test(name))
    throw new TypeError(`a key name is not empty and has no space and no "+": ${JSON.stringify(name)}`)
  if (publicKeyRaw.length !== KEY_BYTES)
    throw new TypeError(`an Ed25519 key has ${KEY_BYTES} bytes, this one ${publicKeyRaw.length}`)
  return { name, id: idOf(name, publicKeyRaw), publicKeyRaw }
}

export function formatVkey({ name, id, publicKeyRaw }: Vkey): string {
  return `${name}+${id}+${Buffer.concat([Buffer.of(ED25519), publicKeyRaw]).toString('base64')}`
}

export function parseVkey(text: string): Vkey | Refused {
  const found = VKEY.exec(text)
  const [, name, id, encoded] = found ?? []
  if (name === undefined || encoded === undefined) return { problem: 'a verification key is written NAME+ID+BASE64' }
  const bytes = parseBase64(encoded)
  if (bytes === undefined || bytes.length !== 1 + KEY_BYTES)
    return { problem: `the key of ${name} is not 33 bytes of base64` }
  if (bytes[0] !== ED25519) return { problem: `the key of ${name} is not an Ed25519 key` }
  const vkey = createVkey(name, bytes.subarray(1))
  return vkey.id === id
    ? vkey
    : { problem: `the key id ${id} does not belong to the key of ${name}: one of them was changed` }
}

/** The note with one signature. `text` ends with a newline. */
export function signNote(text: string, signer: Signer): string {
  if (!text.endsWith('\n')) throw new TypeError('the text of a note ends with a newline')
  const { id } = createVkey(signer.name, signer.publicKeyRaw)
  const signature = Buffer.concat([Buffer.from(id, 'hex'), signer.sign(Buffer.from(text))])
  return `${text}\n\u2014 ${signer.name} ${signature.toString('base64')}\n`
}

// Control characters other than the newline have no place in a note.
const FORBIDDEN = /[\u0000-\u0009\u000b-\u001f]/

export function parseNote(note: string): Note | Refused {
  const split = note.lastIndexOf('\n\n')
  if (split < 0 || FORBIDDEN.test(note) || !note.endsWith('\n')) return { problem: 'this is no signed note' }
  const lines = note.slice(split + 2, -1).split('\n')
  const signatures: NoteSignature[] = []
  for (const line of lines) {
    const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? []
    const bytes = parseBase64(encoded ?? '')
    if (name === undefined || name.includes('+') || bytes === undefined || bytes.length < 5) {
      return { problem: 'a signature line is malformed' }
    }
    signatures.push({ name, id: bytes.toString('hex', 0, 4), signature: bytes.subarray(4) })
  }
  return { text: note.slice(0, split + 1), signatures }
}

function keyObject(publicKeyRaw: Uint8Array): KeyObject {
  const x = Buffer.from(publicKeyRaw).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
}

/**
 * Why the note cannot be taken as signed by the key; undefined where it is. Signatures of other keys are ignored (a witness
 * may have added its own); one by this key that does not hold makes the note worthless, even beside one that does.
 */
export function checkNote(note: Note, vkey: Vkey): string | undefined {
  const own = note.signatures.filter(({ name, id }) => name === vkey.name && id === vkey.id)
  if (own.length === 0) {
    const others = note.signatures.map(({ name, id }) => `${name}+${id}`).join(', ')
    return `it is not signed by ${vkey.name}+${vkey.id}, but by ${others}`
  }
  const key = keyObject(vkey.publicKeyRaw)
  const holds = own.every(
    ({ signature }) => signature.length === SIGNATURE_BYTES && verify(null, Buffer.from(note.text), key, signature),
  )
  return holds ? undefined : `the signature by ${vkey.name}+${vkey.id} does not hold`
}
