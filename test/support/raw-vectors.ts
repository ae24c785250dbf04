// Plays bytes to a live gateway over a raw socket and says what came of them at the caller, the upstream and the trail.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { RequestRecord } from '../../src/core/audit-record.ts'
import { connectRaw, type RawClient } from './raw-client.ts'
import { readRequests, type ReadRequest } from './raw-reader.ts'
import { startRawUpstream, type RawUpstream, type UpstreamConnection } from './raw-upstream.ts'
import { turns } from './rig.ts'
import { startDataPlane, type DataPlane, type DataPlaneOptions } from './start-data-plane.ts'

/**
 * `alone`: the exact bytes. `followed`: a request that ends the connection stands right behind them, so that a byte too many or
 * too few taken for theirs is seen. `dribbled`: the same, byte by byte.
 */
export type Manner = 'alone' | 'followed' | 'dribbled'

/** What the caller waits for: the end of the connection, so many final answers, or nothing: it ends its own side then. */
export type Patience = 'end' | number | 'none'

export interface Sighting {
  readonly manner: Manner
  /** What reached the upstream whole, read strictly, less the request that followed. */
  readonly requests: readonly ReadRequest[]
  /** The request that followed was forwarded. */
  readonly followed: boolean
  /** What is wrong with the bytes at the upstream. */
  readonly strays: readonly string[]
  /** An unfinished request has begun at the upstream, on a connection that was closed. */
  readonly begun: boolean
  /** Of the final answers, in order. */
  readonly statuses: readonly number[]
  /** `gateway`: by itself. `caller`: only after the caller had ended its side. */
  readonly endedBy: 'gateway' | 'caller' | 'nobody'
  readonly outcomes: readonly RequestRecord[]
  readonly counted: number
}

export interface VectorRig {
  readonly plane: DataPlane
  readonly upstream: RawUpstream
  /** One case at a time. */
  play(bytes: Buffer, manner: Manner, patience: Patience): Promise<Sighting>
  close(): Promise<void>
}

/** Stands behind a case and ends its connection. */
const FOLLOWER = Buffer.from('GET /fence HTTP/1.1\r\nHost: fence\r\nConnection: close\r\n\r\n')

/** Behind a head that has only begun it stands on a line of its own, so that the two do not make one word. */
export function followerOf(bytes: Buffer): Buffer {
  const { end, where } = readRequests(bytes)
  return end === 'partial' && where === 'head' ? Buffer.concat([Buffer.from('\r\n'), FOLLOWER]) : FOLLOWER
}

export function isFollower({ target }: ReadRequest): boolean {
  return target === '/fence'
}

/** Only a case that has failed waits for so long: everything here goes over loopback, within one thread. */
const STUCK_MS = 2_000

export async function openVectorRig(options: Omit<DataPlaneOptions, 'upstream'>): Promise<VectorRig> {
  const upstream = await startRawUpstream(() => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  const plane = await startDataPlane({ ...options, upstream: upstream.port })
  const taken = new Map<UpstreamConnection, number>()
  const outcomes = (): readonly RequestRecord[] => plane.trail.requests.filter(({ phase }) => phase === 'outcome')

  const play: VectorRig['play'] = async (bytes, manner, patience) => {
    // Each case in a second of its own: a hundred refusals of an address in one have a record each, no more.
    plane.clock.advance(1_001)
    const before = { outcomes: outcomes().length, settled: plane.settled.length, seen: upstream.requests.length }
    for (const each of upstream.connections) taken.set(each, each.bytes.length)
    const client = await connectRaw(plane.port)
    const all = Buffer.concat([bytes, manner === 'alone' ? Buffer.alloc(0) : followerOf(bytes)])
    if (manner === 'dribbled') await dribble(client, all)
    else client.write(all)
    const endedBy = await ending(client, patience)
    const statuses = statusesOf(client.received)
    while (outcomes().length - before.outcomes < statuses.length)
      if (!(await within(plane.trail.appended(plane.trail.records.length + 1)))) break
    await turns(4)
    client.close()
    const ends = []
    for (const connection of upstream.connections) ends.push(await readDelta(connection, taken.get(connection) ?? 0))
    const requests = upstream.requests.slice(before.seen).map(({ target }) => target)
    const read = ends.flatMap((end) => end.requests)
    read.sort((a, b) => requests.indexOf(a.target) - requests.indexOf(b.target))
    const strays = ends.flatMap(({ stray }) => (stray === undefined ? [] : [stray]))
    if (read.length !== requests.length)
      strays.push(`a lenient upstream reads ${requests.length}: ${requests.join(' ')}`)
    return {
      manner,
      requests: read.filter((each) => !isFollower(each)),
      followed: read.some(isFollower),
      strays,
      begun: ends.some(({ begun }) => begun),
      statuses,
      endedBy,
      outcomes: outcomes().slice(before.outcomes),
      counted: plane.settled.length - before.settled,
    }
  }
  return {
    plane,
    upstream,
    play,
    close: async () => {
      await plane.close()
      await upstream.close()
    },
  }
}

async function dribble(client: RawClient, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length && client.isOpen; at++) {
    client.write(bytes.subarray(at, at + 1))
    await turns(2)
  }
}

async function ending(client: RawClient, patience: Patience): Promise<Sighting['endedBy']> {
  const enough = patience === 'end' ? Infinity : patience
  while (enough !== 'none' && client.isOpen && statusesOf(client.received).length < enough)
    if (!(await within(client.atLeast(client.received.length + 1)))) break
  // An end that follows an answer, or a refusal of what is unfinished, has the time to come.
  if (client.isOpen) await turns(10)
  if (!client.isOpen) return 'gateway'
  client.socket.end()
  return (await within(client.ended)) ? 'caller' : 'nobody'
}

/** Whether it comes to pass before the case counts as stuck. */
async function within(passes: Promise<unknown>): Promise<boolean> {
  const stuck = Promise.withResolvers<boolean>()
  const guard = setTimeout(() => {
    stuck.resolve(false)
  }, STUCK_MS)
  const passed = await Promise.race([passes.then(() => true), stuck.promise])
  clearTimeout(guard)
  return passed
}

/** Interim answers (1xx) are none. */
function statusesOf(received: Buffer): readonly number[] {
  return [...received.toString('latin1').matchAll(/HTTP\/1\.1 ([2-5]\d\d) /g)].map(([, code]) => Number(code))
}

interface Delta {
  readonly requests: readonly ReadRequest[]
  readonly begun: boolean
  readonly stray: string | undefined
}

async function readDelta(connection: UpstreamConnection, from: number): Promise<Delta> {
  const bytes = connection.bytes.subarray(from)
  const { requests, end, why, left } = readRequests(bytes)
  const unclean = requests.filter(({ fields, version }) => version !== '1.1' || framings(fields) > 1)
  if (unclean.length > 0) return { requests, begun: false, stray: `not framed in one way: ${JSON.stringify(unclean)}` }
  if (end === 'clean' || (end === 'closed' && left === 0)) return { requests, begun: false, stray: undefined }
  if (end === 'partial' && (await within(connection.closed))) return { requests, begun: true, stray: undefined }
  return { requests, begun: false, stray: `${end} (${why ?? ''}): ${JSON.stringify(bytes.toString('latin1'))}` }
}

function framings(fields: ReadRequest['fields']): number {
  return fields.filter(([name]) => name === 'content-length' || name === 'transfer-encoding').length
}

/** Undefined, and said aloud, where the folder is absent. */
export function readVectors(file: string): unknown {
  const path = resolve(process.env.PORTCULLIS_SHARED ?? '../shared', 'vectors', file)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'))
  console.warn(`SKIPPED: ${path} is absent, so these vectors were not run`)
  return undefined
}
