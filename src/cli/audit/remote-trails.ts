// The trails of gateways at work, each asked at its own control plane, which judges by its own config who asks, and records it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mergePeople, SourceFault } from '../../audit/search/merge-people.ts'
import { readPeople } from '../../audit/search/people-file.ts'
import type { MissingTrail } from '../../core/people-lines.ts'
import type { WhoseAnswer } from '../../core/trail-query.ts'
import type { FoundPage } from '../../ports/trail-search.ts'
import type { OpenedDetail } from '../../audit/detail/detail-reader.ts'
import { createClient, type Client, type ClientFlags } from '../client.ts'
import type { Context } from '../command.ts'
import { isExposed, type ControlAddress } from '../control-address.ts'
import { CommandFailure, EXIT } from '../failure.ts'
import { refusalLines } from '../refusal.ts'
import { parseStatus } from '../views.ts'
import type { TrailAccess, Trails } from './trails.ts'

const SEARCH_TIMEOUT_MS = 120_000
/** With the time that a long list takes on its way. */
const PEOPLE_TIMEOUT_MS = 600_000

export async function openRemote(
  flags: ClientFlags & { readonly alone?: boolean },
  { machine, printer }: Context,
): Promise<Trails> {
  const client = createClient(flags, machine, printer)
  const { asked, missing } = await findControls(client, flags.alone === true)
  if (asked.size === 0)
    throw new CommandFailure(
      EXIT.failed,
      ...missing.map(({ gateway, why }) => (why.startsWith('http') ? why : `${gateway}: ${why}`)),
    )
  for (const address of asked.values())
    if (isExposed(address) && !client.controls.includes(address))
      printer.note({ style: 'yellow', text: `${address} is spoken to in clear, as its fleet names it` })
  // What comes is kept there until it is whole, however long it is.
  const scratch = mkdtempSync(join(tmpdir(), 'portcullis-people-'))
  const progress = (text: string): void => {
    printer.progress(text)
  }
  return {
    trails: [...asked].map(([gateway, control], at) =>
      openControl(client, { gateway, address: control }, { file: join(scratch, `${at}.lines`), progress }),
    ),
    missing: [...missing],
    close: async () => {
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

/** The control planes that were named, and those of their fleet that may be asked too; the rest with why not. */
async function findControls(
  client: Client,
  isAlone: boolean,
): Promise<{ readonly asked: ReadonlyMap<string, ControlAddress>; readonly missing: readonly MissingTrail[] }> {
  const asked = new Map<string, ControlAddress>()
  const missing: MissingTrail[] = []
  const members = new Map<string, Member>()
  await Promise.all(
    client.controls.map(async (control) => {
      const answer = await client.ask(control, { method: 'GET', path: '/api/v1/status' })
      if ('unreachable' in answer) {
        missing.push({ gateway: control, address: control, why: answer.unreachable })
        return
      }
      const status = answer.status === 200 ? parseStatus(answer.body) : undefined
      // One that cannot say who it is still says whether it can be searched.
      asked.set(status?.audit.vkey.split('+')[0] ?? control, control)
      if (status?.fleet.name !== undefined)
        for (const { name, address, state } of status.fleet.gateways) members.set(name, { address, state })
    }),
  )
  if (!isAlone) for (const [gateway, member] of members) addMember(gateway, member, { client, asked, missing })
  return { asked, missing }
}

interface Member {
  readonly address: string | undefined
  readonly state: string | undefined
}

function addMember(
  gateway: string,
  { address, state }: Member,
  { client, asked, missing }: { client: Client; asked: Map<string, ControlAddress>; missing: MissingTrail[] },
): void {
  if (asked.has(gateway)) return
  const at = address === undefined ? {} : { address }
  const silent = missing.findIndex((each) => address !== undefined && each.address === address)
  const before = missing[silent]
  if (before !== undefined) missing[silent] = { ...before, gateway }
  else if (state === 'left' || state === 'forgotten')
    missing.push({ gateway, ...at, why: `it is ${state}: copy its trail, and ask that with --dir` })
  else if (address === undefined) missing.push({ gateway, why: 'it tells no address: name it with --control' })
  else if (!client.signsIn)
    missing.push({
      ...{ gateway, address },
      why: 'a read token goes only where it is named: name it with --control, or ask with a key',
    })
  else asked.set(gateway, address)
}

function openControl(
  client: Client,
  known: { readonly gateway: string; readonly address: ControlAddress },
  { file, progress }: { readonly file: string; readonly progress: (text: string) => void },
): TrailAccess {
  const control = known.address
  const ask = async (path: string, body: object): Promise<unknown> => {
    const answer = await client.ask(control, { method: 'POST', path, body, timeoutMs: SEARCH_TIMEOUT_MS })
    if ('unreachable' in answer) throw new CommandFailure(EXIT.failed, answer.unreachable)
    if (answer.status !== 200) throw new CommandFailure(EXIT.failed, ...refusalLines(answer))
    return answer.body
  }
  return {
    name: control,
    known,
    async page(query, { limit, after, newestFirst, detail: isDetailed }) {
      const body = (await ask('/api/v1/audit/search', {
        ...{ ...query, limit },
        ...(after === undefined ? {} : { after }),
        ...(newestFirst === undefined ? {} : { newestFirst }),
        ...(isDetailed === undefined ? {} : { detail: isDetailed }),
      })) as RemotePage
      const { records, ...page } = body
      if (!Array.isArray(records))
        throw new CommandFailure(EXIT.failed, `${control} answered with something else than records`)
      return {
        ...page,
        hits: (records as RemotePage['records']).map(({ index, record, detail }) => ({
          ...{ index, entry: JSON.stringify(record) },
          ...(detail === undefined ? {} : { detail }),
        })),
      }
    },
    whose: async (query, limit) =>
      (await ask('/api/v1/audit/whose', { ...query, limit })) as WhoseAnswer & { readonly size: number },
    async people(query) {
      progress(`${control} is asked`)
      const request = {
        ...({ method: 'POST', path: '/api/v1/audit/people', timeoutMs: PEOPLE_TIMEOUT_MS } as const),
        body: query,
        headers: { accept: 'application/x-ndjson, application/problem+json' },
      }
      const answer = await client.receive(control, request, file)
      if ('unreachable' in answer) throw new CommandFailure(EXIT.failed, answer.unreachable)
      if (!('file' in answer)) throw new CommandFailure(EXIT.failed, ...refusalLines(answer))
      await checkWhole(control, file)
      progress('')
      return readPeople(file, control)
    },
    close: async () => undefined,
  }
}

/** Merged alone: cut, or out of order, it must not spoil what others have sent. */
async function checkWhole(control: ControlAddress, file: string): Promise<void> {
  try {
    await mergePeople([{ name: control, lines: readPeople(file, control) }], 0)
  } catch (error) {
    if (error instanceof SourceFault) throw new CommandFailure(EXIT.failed, error.message)
    throw error
  }
}

interface RemotePage extends Omit<FoundPage, 'hits'> {
  readonly records: readonly { readonly index: number; readonly record: unknown; readonly detail?: OpenedDetail }[]
}
