// Reads the bytes of a key set from a file or an address; every way to fail is an Error whose message an operator can act on.
import { open } from 'node:fs/promises'

/** A key set larger than this is none. */
const KEY_SET_BYTES_MAX = 1_048_576

export type ReadFile = (file: string) => Promise<Uint8Array>
export type Fetch = (
  url: string,
  init: { redirect: 'error'; signal: AbortSignal; headers: Readonly<Record<string, string>> },
) => Promise<Response>

export async function readKeyFile(file: string): Promise<Uint8Array> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    if (size > KEY_SET_BYTES_MAX) throw new Error(`larger than ${KEY_SET_BYTES_MAX} bytes`)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/** No redirects: whoever can move the key set can sign. The time limit covers the whole answer, to its last byte. */
export async function fetchKeySet(url: string, fetch: Fetch, timeoutMs: number): Promise<Uint8Array> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
    headers: { accept: 'application/jwk-set+json, application/json' },
  })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new Error(`answered ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > KEY_SET_BYTES_MAX) throw new Error(`larger than ${KEY_SET_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
