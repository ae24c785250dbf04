// What a caller is given with an answer: which record stands for it, told by when it was written and by its leaf hash.
import { hash } from 'node:crypto'
import { type Hash } from './merkle.ts'
import { parseBase64 } from './note.ts'

export interface Receipt {
  readonly origin: string
  /** The record's time, epoch milliseconds: where to look for it. */
  readonly time: number
  readonly leaf: Hash
}

/** A structured field item (RFC 9651): the log's origin, `t` the record's time, `h` its RFC 6962 leaf hash. */
export function formatReceipt(origin: string, entry: string): string {
  const time = entry.slice(TIME.length, entry.indexOf(',', TIME.length))
  return `${origin};t=${time};h=:${hash('sha256', `\0${entry}`, 'base64')}:`
}

/** Every record begins so (recorder). */
const TIME = '{"time":'
const RECEIPT = /^([^\s;,]{1,256}); *t=(\d{1,15}); *h=:([A-Za-z0-9+/]{43}=):$/

/** Undefined where it is none. */
export function parseReceipt(text: string): Receipt | undefined {
  const [, origin, time, encoded] = RECEIPT.exec(text.trim()) ?? []
  const leaf = encoded === undefined ? undefined : parseBase64(encoded)
  if (origin === undefined || leaf?.length !== 32) return undefined
  return { origin, time: Number(time), leaf: leaf.toString('latin1') }
}
