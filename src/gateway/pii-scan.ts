// Counts what looks like personal data in a response, from the bytes as they pass. It holds a few hundred characters, delays nothing,
// and forgets what it has found.
import { StringDecoder } from 'node:string_decoder'
import type { PiiSeen } from '../core/audit-record.ts'
import { countPii, PII_OVERLAP, type PiiCounts } from '../core/pii.ts'
import type { Fields } from '../http1/fields.ts'
import { JsonReader, type JsonSink } from './json-reader.ts'

/** Of one response; what comes behind is not read, and the record says so. */
const BYTES_MAX = 64 * 1_048_576
/** Kept of what has been counted already, so that a word before a value is still known. */
const CONTEXT = 64

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\b/i
const TEXT_TYPE =
  /^(?:text\/|application\/(?:[\w.-]+\+)?(?:xml|x-ndjson|ndjson|javascript|x-www-form-urlencoded)\b|multipart\/)/i

export class PiiScan implements JsonSink {
  readonly #counts: PiiCounts = {}
  #unread: PiiSeen['unread']
  #json: JsonReader | undefined
  #text: StringDecoder | undefined
  #carried = ''
  #from = 0
  #bytes = 0
  #name = ''
  readonly #names: string[] = []

  takeHead(fields: Fields): void {
    const coding = fields.first('content-encoding')
    const type = fields.first('content-type') ?? 'text/plain'
    if (coding !== undefined && coding.toLowerCase() !== 'identity') this.#unread = 'encoded'
    else if (JSON_TYPE.test(type)) this.#json = new JsonReader(this, { bytesMax: BYTES_MAX })
    else if (TEXT_TYPE.test(type)) this.#text = new StringDecoder('utf8')
    else this.#unread = 'binary'
  }

  write(chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > BYTES_MAX) {
      this.#unread = 'partly'
      return
    }
    if (this.#json?.write(chunk) === false) {
      // No JSON that all readers take alike: the rest is read as text, so that a stray comma hides nothing.
      this.#json = undefined
      this.#text = new StringDecoder('utf8')
      this.#unread = 'partly'
    }
    if (this.#text !== undefined) this.#readText(this.#text.write(chunk), PII_OVERLAP)
  }

  /** What has been seen so far. */
  seen(): PiiSeen {
    if (this.#text !== undefined) this.#readText(this.#text.end(), 0)
    this.#json?.end()
    return this.#unread === undefined ? { ...this.#counts } : { ...this.#counts, unread: this.#unread }
  }

  /** Counts what begins before the last `behind` characters: the rest may go on in the next chunk. */
  #readText(more: string, behind: number): void {
    const text = this.#carried + more
    const end = Math.max(this.#from, text.length - behind)
    countPii(text, this.#counts, '', this.#from, end)
    const kept = Math.max(0, end - CONTEXT)
    this.#carried = text.slice(kept)
    this.#from = end - kept
  }

  wantsText(): boolean {
    return true
  }

  onOpen(): void {
    this.#names.push(this.#name)
  }

  onClose(): void {
    this.#name = this.#names.pop() ?? ''
  }

  onName(name: string): void {
    this.#name = name
  }

  onScalar(kind: 'string' | 'number' | 'literal', text: string | undefined): void {
    if (kind === 'literal') return
    if (text === undefined) this.#unread = 'partly'
    else countPii(text, this.#counts, this.#name)
  }
}
