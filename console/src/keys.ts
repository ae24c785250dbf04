// The responder's keys in this browser: Ed25519, made here, and by WebCrypto's own rule never to be read out again.
import { encode } from './base64url.ts'

const DATABASE = 'portcullis'
const STORE = 'keys'

interface Named {
  /** The responder's name. */
  readonly name: string
  /** Of the key: `browser-…`, so that every gateway knows that it lives in a browser; of a passkey its key says so. */
  readonly keyId: string
  /** As it is enrolled; empty for a passkey that was made elsewhere. */
  readonly publicKey: string
  readonly madeAt: number
}

interface StoredOwn extends Named {
  readonly privateKey: CryptoKey
}

export interface StoredPasskey extends Named {
  readonly kind: 'passkey'
  readonly alg: 'ES256' | 'EdDSA'
  readonly rpId: string
  readonly credential: ArrayBuffer
}

export type StoredKey = StoredOwn | StoredPasskey

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'keyId' })
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('IndexedDB'))
  })
}

async function run<T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const database = await open()
  try {
    return await new Promise((resolve, reject) => {
      const request = act(database.transaction(STORE, mode).objectStore(STORE))
      request.onsuccess = () => resolve(request.result)
      request.onerror = () => reject(request.error ?? new Error('IndexedDB'))
    })
  } finally {
    database.close()
  }
}

export function listKeys(): Promise<readonly StoredKey[]> {
  return run('readonly', (store) => store.getAll() as IDBRequest<StoredKey[]>).catch(() => [])
}

/** Why no key can be made here; undefined where it can. */
export function keysUnavailable(): 'insecure' | 'unsupported' | undefined {
  if (!isSecureContext) return 'insecure'
  return typeof indexedDB === 'undefined' || crypto.subtle === undefined ? 'unsupported' : undefined
}

export async function makeKey(name: string): Promise<void> {
  // Not extractable: also a page that was swapped can use it, but never take it along.
  const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])
  const publicKey = encode(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)))
  const keyId = `browser-${encode(crypto.getRandomValues(new Uint8Array(4))).replaceAll(/[^A-Za-z0-9]/g, '0')}`
  await keepKey({ name, keyId, publicKey, privateKey: pair.privateKey, madeAt: Date.now() })
}

export async function keepKey(key: StoredKey): Promise<void> {
  await run('readwrite', (store) => store.put(key))
}

export async function forgetKey(keyId: string): Promise<void> {
  await run('readwrite', (store) => store.delete(keyId))
}
