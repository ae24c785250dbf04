// Where the fleet's Redis is, with what is needed to be let in: for the main thread and for the workers.
import { readFileSync } from 'node:fs'
import { readSecretFile } from '../adapters/node/fleet-secret.ts'
import type { RedisConfig } from '../config/config.ts'

/** With the password of the file, which never stands in the config. */
export function redisUrl({ url, username, passwordFile }: RedisConfig): string {
  if (username === undefined && passwordFile === undefined) return url
  const password = passwordFile === undefined ? '' : readSecretFile('store.redis.passwordFile', passwordFile).trim()
  const who = `${encodeURIComponent(username ?? '')}:${encodeURIComponent(password)}@`
  return url.replace(/^([a-z-]+:\/\/)(?:[^@/]*@)?/, `$1${who}`)
}

export function tlsOf({ tls }: RedisConfig): {
  readonly tls?: { ca?: string; cert?: string; key?: string; serverName?: string }
} {
  if (tls === undefined) return {}
  const { ca, cert, key, serverName } = tls
  return {
    tls: {
      ...(ca === undefined ? {} : { ca: readFileSync(ca, 'utf8') }),
      ...(cert === undefined ? {} : { cert: readFileSync(cert, 'utf8') }),
      ...(key === undefined ? {} : { key: readFileSync(key, 'utf8') }),
      ...(serverName === undefined ? {} : { serverName }),
    },
  }
}
