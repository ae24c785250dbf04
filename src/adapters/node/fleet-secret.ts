// Files that hold a secret of the fleet: its own, by which a gateway's key is vouched for, and the password of its Redis.
import { readFileSync, statSync } from 'node:fs'
import type { Logger } from '../../ports/logger.ts'

const SECRET_LENGTH_MIN = 32

/**
 * The secrets in the file, one a line: the first vouches for this gateway, each of them is believed, so that one can be replaced
 * by the next. Throws an Error of one line where the file is missing, can be read by others, or holds a secret that can be guessed.
 */
export function loadFleetSecrets(file: string): readonly string[] {
  const secrets = readSecretFile('store.redis.secretFile', file)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (secrets.length === 0 || secrets.some((secret) => secret.length < SECRET_LENGTH_MIN))
    throw new Error(
      `store.redis.secretFile ${file}: must hold one secret a line of at least ${SECRET_LENGTH_MIN} characters, such as "openssl rand -base64 48" makes`,
    )
  return secrets
}

export interface FleetSecrets {
  /** The same list until the file holds another one. */
  current(): readonly string[]
  /** Reads the file anew, for the caller's timer. True where it holds other secrets than before. Never throws. */
  look(): boolean
  /** Why the file cannot be used as it stands now: what was read before goes on counting. */
  readonly problem: string | undefined
}

/** Throws at once like `loadFleetSecrets`; a file that goes bad later takes nothing away. */
export function openFleetSecrets(file: string, logger: Logger): FleetSecrets {
  let secrets = loadFleetSecrets(file)
  let problem: string | undefined
  return {
    current: () => secrets,
    look() {
      try {
        const now = loadFleetSecrets(file)
        problem = undefined
        if (now.join('\n') === secrets.join('\n')) return false
        secrets = now
        logger.warn('the fleet secret was read anew', { file, secrets: now.length })
        return true
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error)
        if (message !== problem)
          logger.error('the fleet secret on disk is refused; the one before stays', { problem: message })
        problem = message
        return false
      }
    },
    get problem() {
      return problem
    },
  }
}

/** Throws an Error of one line, with `key` of the config, where the file cannot be read, or can be read by others. */
export function readSecretFile(key: string, file: string): string {
  const mode = modeOf(key, file) & 0o777
  if ((mode & 0o077) !== 0)
    throw new Error(`${key} ${file}: its mode is ${mode.toString(8)}, so others can read it: chmod 600 it`)
  return readFileSync(file, 'utf8')
}

function modeOf(key: string, file: string): number {
  try {
    return statSync(file).mode
  } catch {
    throw new Error(`${key} ${file}: cannot be read: make one with (umask 077; openssl rand -base64 48 > ${file})`)
  }
}
