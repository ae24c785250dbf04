// Plays cases of requests against one arena, several callers at a time, and gathers what was wrong.
import type { DataPlaneOptions } from '../support/start-data-plane.ts'
import { readAnswers } from './answer-reading.ts'
import { startArena, type Arena, type Lane } from './arena.ts'
import { play } from './caller.ts'
import type { Finding, FuzzCase } from './case.ts'
import { createDice } from './dice.ts'
import { judge } from './judge.ts'
import { mutatedCase } from './mutated.ts'
import { readRequests } from './request-reading.ts'
import { structuredCase } from './structured.ts'
import { within } from './ticks.ts'

export interface Failure {
  readonly seed: number
  readonly kind: FuzzCase['kind']
  readonly bytes: Buffer
  readonly findings: readonly Finding[]
}

export interface Tally {
  /** Requests that the upstream saw. */
  seen: number
  /** Exchanges of which the trail has a record. */
  exchanges: number
}

export interface RequestRun {
  readonly tally: Tally
  play(seed: number, kind: 'structured' | 'bytes'): Promise<Failure | undefined>
  /** Bytes of one's own in place of a seed's. */
  playBytes(pieces: readonly Buffer[]): Promise<Failure | undefined>
  /** Exchanges that are open in the gateway. */
  readonly open: number
  /** Resolves with the cases in which something was found after they had been judged. */
  close(): Promise<readonly Failure[]>
}

/** How long an exchange may take to be recorded after its connection has ended. */
const SETTLE_MS = 3_000

/** At most `CALLERS_MAX` cases may be played at once. */
export async function startRequestRun(sabotage?: Partial<DataPlaneOptions>): Promise<RequestRun> {
  const arena = await startArena(sabotage)
  const tally: Tally = { seen: 0, exchanges: 0 }
  const failure = (one: FuzzCase, findings: readonly Finding[]): Failure => ({
    seed: one.seed,
    kind: one.kind,
    bytes: Buffer.concat(one.pieces),
    findings,
  })
  const playCase = async (one: FuzzCase): Promise<Failure | undefined> => {
    const lane = arena.enter(one)
    const findings = await playOne(one, arena, lane)
    tally.exchanges += lane.exchanges.size
    for (const { seen } of lane.exchanges.values()) tally.seen += seen.length
    arena.leave(lane)
    return findings.length === 0 ? undefined : failure(one, findings)
  }
  return {
    tally,
    get open() {
      return arena.open
    },
    play(seed, kind) {
      // It tells the seed, where all that is left of a case is what the upstream saw.
      const marker = `${seed.toString(16).padStart(8, '0')}${createDice(seed).hex(4)}`
      const facts = { marker, token: arena.token }
      return playCase(kind === 'structured' ? structuredCase(seed, facts) : mutatedCase(seed, facts))
    },
    playBytes: (pieces) => playCase({ seed: 0, kind: 'bytes', pieces, marker: '', manner: 'patient' }),
    async close() {
      await arena.close()
      const late = arena.late.map((lane) => failure(lane.one, lane.findings))
      if (arena.findings.length > 0)
        late.push({ seed: 0, kind: 'bytes', bytes: Buffer.alloc(0), findings: arena.findings })
      return late
    },
  }
}

async function playOne(one: FuzzCase, arena: Arena, lane: Lane): Promise<readonly Finding[]> {
  const sent = readRequests(Buffer.concat(one.pieces))
  const hoped = sent.requests.filter(({ isComplete }) => isComplete).length + (sent.fault === undefined ? 0 : 1)
  const heard = await play(one, { port: arena.port, from: lane.address }, (received) => {
    const isHead = (index: number): boolean => sent.requests[index]?.method === 'HEAD'
    return (
      readAnswers(received, (_fields, index) => isHead(index), { ended: false }).answers.filter(
        ({ isComplete }) => isComplete,
      ).length >= hoped
    )
  })
  await settled(lane, arena.readers)
  // A fault that names no exchange may be that of any case that was open then: played again alone it shows whose.
  const strays = arena.findings
    .splice(0)
    .map(({ rule, detail }) => ({ rule: `in this case or beside it: ${rule}`, detail }))
  return [...strays, ...judge(one, sent, heard, lane, arena.readers)]
}

/** Every record has been written, and every reader has read: what is still missing then is missing. */
async function settled(lane: Lane, readers: number): Promise<void> {
  const isSettled = (): boolean =>
    [...lane.exchanges.values()].every(
      ({ hasOutcome, seen }) => hasOutcome && seen.every(({ agreed }) => agreed === readers),
    )
  await within(SETTLE_MS, isSettled)
}
