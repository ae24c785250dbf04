// Where the control plane is: --control URL, PORTCULLIS_CONTROL, else the address that a config has by default.
import { usageFailure } from './failure.ts'

/** An origin: scheme, host and port. */
export type ControlAddress = string

const DEFAULT_CONTROL = 'http://127.0.0.1:9080'

/** `flags` come before the environment's comma-separated list. Throws CommandFailure (2) naming each bad URL. */
export function parseControls(flags: readonly string[], environment: string | undefined): readonly ControlAddress[] {
  const named =
    flags.length > 0
      ? flags
      : (environment ?? '')
          .split(',')
          .map((each) => each.trim())
          .filter((each) => each !== '')
  if (named.length === 0) return [DEFAULT_CONTROL]
  const where = flags.length > 0 ? '--control' : 'PORTCULLIS_CONTROL'
  const parsed = named.map((text) => ({ text, origin: parseOrigin(text) }))
  const problems = parsed.filter(({ origin }) => origin === undefined)
  if (problems.length > 0) {
    throw usageFailure(
      ...problems.map(
        ({ text }) =>
          `${where}: "${text}" is no address of a control plane: give scheme, host and port alone, such as https://gateway.example:9080`,
      ),
    )
  }
  return [...new Set(parsed.flatMap(({ origin }) => origin ?? []))]
}

function parseOrigin(text: string): ControlAddress | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  const bare =
    url.username === '' && url.password === '' && url.pathname === '/' && url.search === '' && url.hash === ''
  return (url.protocol === 'http:' || url.protocol === 'https:') && bare ? url.origin : undefined
}

/** Whether what is sent there leaves the machine unencrypted. */
export function isExposed(control: ControlAddress): boolean {
  const url = new URL(control)
  const loopback = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(?:[.]\d+){3}$/.test(url.hostname)
  return url.protocol === 'http:' && !loopback
}
