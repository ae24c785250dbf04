// The responder's keys in this browser: Ed25519, made here, and by WebCrypto's own rule never to be read out again.

const DATABASE = 'portcullis'
const STORE = 'keys'

export interface StoredKey {
  /** The responder's name. */
  readonly name: string
  /** Of the key: `browser-…`, so that every gateway knows that it lives in a browser. */
  readonly keyId: string
  /** Raw public key, base64url, as it is enrolled. */
  readonly publicKey: string
  readonly privateKey: CryptoKey
  readonly madeAt: number
}

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

export async function makeKey(name: string): Promise<StoredKey> {
  // Not extractable: also a page that was swapped can use it, but never take it along.
  const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])
  const publicKey = encode(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)))
  const keyId = `browser-${encode(crypto.getRandomValues(new Uint8Array(4))).replaceAll(/[^A-Za-z0-9]/g, '0')}`
  const key = { name, keyId, publicKey, privateKey: pair.privateKey, madeAt: Date.now() }
  await run('readwrite', (store) => store.put(key))
  return key
}

export async function forgetKey(keyId: string): Promise<void> {
  await run('readwrite', (store) => store.delete(keyId))
}

function encode(bytes: Uint8Array | string): string {
  const all = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
  let binary = ''
  for (const byte of all) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** A compact JWS (RFC 7515, RFC 8037) of this key. */
export async function signCompact(key: StoredKey, typ: string, claims: object, nowMs: number): Promise<string> {
  const header = { alg: 'EdDSA', typ, kid: `${key.name}#${key.keyId}` }
  const payload = { iss: key.name, iat: Math.floor(nowMs / 1000), jti: crypto.randomUUID(), ...claims }
  const input = `${encode(JSON.stringify(header))}.${encode(JSON.stringify(payload))}`
  const signature = await crypto.subtle.sign('Ed25519', key.privateKey, new TextEncoder().encode(input))
  return `${input}.${encode(new Uint8Array(signature))}`
}
