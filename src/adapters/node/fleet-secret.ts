// The fleet's secret: whoever has it can bring a gateway's key into the fleet. It never leaves this process.
import { readFileSync, statSync } from 'node:fs'

const SECRET_LENGTH_MIN = 32

/**
 * The secrets in the file, one a line: the first vouches for this gateway, each of them is believed, so that one can be replaced
 * by the next. Throws an Error of one line where the file is missing, can be read by others, or holds a secret that can be guessed.
 */
export function loadFleetSecrets(file: string): readonly string[] {
  const mode = modeOf(file)
  if ((mode & 0o077) !== 0)
    throw new Error(
      `store.redis.secretFile ${file}: its mode is ${(mode & 0o777).toString(8)}, so others can read it: chmod 600 it`,
    )
  const secrets = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (secrets.length === 0 || secrets.some((secret) => secret.length < SECRET_LENGTH_MIN))
    throw new Error(
      `store.redis.secretFile ${file}: must hold one secret a line of at least ${SECRET_LENGTH_MIN} characters, such as "openssl rand -base64 48" makes`,
    )
  return secrets
}

function modeOf(file: string): number {
  try {
    return statSync(file).mode
  } catch {
    throw new Error(
      `store.redis.secretFile ${file}: cannot be read: make one for the whole fleet with (umask 077; openssl rand -base64 48 > ${file})`,
    )
  }
}
