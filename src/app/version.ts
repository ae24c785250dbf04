// The version that the package says it has.
import { readFileSync } from 'node:fs'

/** Two folders up from here stands package.json, in the source tree and in the build alike. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
