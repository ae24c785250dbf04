// Values that only a running gateway knows: asked with the key or token at hand, quickly, and silently where it does not answer.
import type { Argument, Command, Option } from 'commander'
import { createClient, type Client, type ClientFlags } from '../client.ts'
import type { Machine } from '../machine.ts'
import type { Printer } from '../print.ts'
import { readStatus } from '../release-order.ts'
import { readResponders } from '../responders.ts'
import type { Candidate } from './complete.ts'

/** For each exchange; a login takes two before the question. */
const PATIENCE_MS = 400

type Read = (client: Client) => Promise<readonly Candidate[]>

const locks: Read = async (client) =>
  (await readStatus(client)).status.locks.map(({ id, mode, incident }) => ({ value: id, says: `${mode} ${incident}` }))
const incidents: Read = async (client) =>
  ((await readStatus(client)).status.incidents ?? []).map(({ id, state, title = '' }) => ({
    value: id,
    says: `${state} ${title}`,
  }))
const responders: Read = async (client) =>
  (await readResponders(client)).responders
    .filter(({ retired }) => retired === undefined)
    .map(({ name, role }) => ({ value: name, says: role }))

interface Route {
  readonly id: string
  readonly path: string
  readonly tags: readonly string[]
  readonly upstream: string
}

async function readRoutes(client: Client): Promise<readonly Route[]> {
  const { body } = await client.read('/api/v1/routes')
  return (body as { readonly routes: readonly Route[] }).routes
}

/** By the long name of an option, or the name of an argument, which mean the same in every command. */
export const KNOWN: Readonly<Record<string, Read>> = {
  '--route': async (client) => (await readRoutes(client)).map(({ id, path }) => ({ value: id, says: path })),
  '--tag': async (client) => (await readRoutes(client)).flatMap(({ tags }) => tags.map((value) => ({ value }))),
  '--upstream': async (client) => (await readRoutes(client)).map(({ upstream }) => ({ value: upstream })),
  '--incident': incidents,
  '--lock': locks,
  'incident-id': incidents,
  'lock-ids': locks,
  'release-id': async (client) =>
    (await readStatus(client)).status.pendingReleases.map(({ id, kind, reason }) => ({
      value: id,
      says: `${kind}: ${reason}`,
    })),
  gateway: async (client) =>
    (await readStatus(client)).status.fleet.gateways.map(({ name, state = '' }) => ({ value: name, says: state })),
  responder: responders,
}

export function nameOf(target: Option | Argument): string {
  return 'long' in target ? (target.long ?? '') : target.name()
}

/** Never rejects and writes nothing. A shell's script throws errors away, so that nobody can be asked for a passphrase (questions). */
export async function knownValues(
  target: Option | Argument,
  command: Command,
  words: readonly string[],
  machine: Machine,
): Promise<readonly Candidate[]> {
  const read = KNOWN[nameOf(target)]
  if (read === undefined) return []
  try {
    const client = createClient(clientFlags(command, words, machine.env), machine, SILENT, PATIENCE_MS)
    const found = await read(client)
    return [...new Map(found.map((each) => [each.value, each])).values()]
  } catch {
    return []
  }
}

/** Where to ask and with what: the words so far, as the command itself would read them. Of several control planes the first is asked. */
function clientFlags(command: Command, words: readonly string[], { HOME }: Machine['env']): ClientFlags {
  // The shell has not expanded them yet.
  command.parseOptions(words.map((word) => (HOME === undefined ? word : word.replace(/^~(?=\/)/, HOME))))
  const { control, ...flags } = command.opts<ClientFlags>()
  return { ...flags, ...(control === undefined ? {} : { control: control.slice(0, 1) }) }
}

const silence = (): void => undefined
export const SILENT: Printer = { out: silence, note: silence, json: silence, progress: silence, document: silence }
