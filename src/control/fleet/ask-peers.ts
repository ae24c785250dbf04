// A person's question about the trail, passed on to every member of the fleet, and their lists made one answer with this gateway's own.
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { peoplePath } from '../../audit/search/people-file.ts'
import { canonicalJson } from '../../core/canonical-json.ts'
import { isFields } from '../../core/message-shapes.ts'
import type { FleetWhose, MissingTrail } from '../../core/people-lines.ts'
import type { Member } from '../../core/fleet-messages.ts'
import type { NamedPeople, TrailSearch } from '../../ports/trail-search.ts'
import type { SignedQuestion } from '../signed-question.ts'
import type { FleetParts } from './fleet.ts'

/** At once; each sends a list that may be long. */
const ASKED_AT_ONCE = 16

export interface AskPeers {
  readonly fleet: FleetParts
  readonly search: Pick<TrailSearch, 'people' | 'mergePeople'>
  readonly question: SignedQuestion
  /** As it was signed. */
  readonly jws: string
  readonly limit: number
}

/** Whoever does not answer is in `missing`. Rejects where this gateway's own trail cannot be searched. */
export async function askPeers({ fleet, search, question, jws, limit }: AskPeers): Promise<FleetWhose> {
  const own = await search.people(question.query)
  const files: NamedPeople[] = [{ name: fleet.roster.own, path: own.path, gateway: fleet.roster.own }]
  const missing: MissingTrail[] = []
  const via = fleet.deps.seal.seal('asked', canonicalJson({ gateway: fleet.roster.own, question: jws }))
  const others = fleet.roster.members.filter(({ gateway }) => gateway !== fleet.roster.own)
  const waiting = others.values()
  const askInTurn = async (): Promise<void> => {
    for (const member of waiting) {
      const file = peoplePath(path.dirname(own.path))
      files.push({ name: member.gateway, path: file, gateway: member.gateway })
      const why = await receive(fleet, member, { body: { question: jws, via }, id: question.id, file })
      if (why !== undefined) missing.push(missingOf(member, why))
    }
  }
  try {
    await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askInTurn))
    const whole = files.filter(({ name }) => !missing.some(({ gateway }) => gateway === name))
    const { faulty, ...answer } = await search.mergePeople(whole, limit)
    for (const { name, why } of faulty) {
      const member = others.find(({ gateway }) => gateway === name)
      if (member === undefined) throw new Error(why)
      missing.push(missingOf(member, why))
    }
    return { ...answer, missing }
  } finally {
    for (const { path: each } of files) await rm(each, { force: true })
  }
}

function missingOf({ gateway, address }: Member, why: string): MissingTrail {
  return { gateway, ...(address === undefined ? {} : { address }), why }
}

/** Why there is no list of that member; undefined where it is here, and is what it has sent. */
async function receive(
  { roster, deps }: FleetParts,
  { gateway, address }: Member,
  asked: { readonly body: object; readonly id: string; readonly file: string },
): Promise<string | undefined> {
  if (!roster.counts(gateway)) return roster.isForgotten(gateway) ? 'it was forgotten' : 'it has left'
  if (address === undefined) return 'it tells no address'
  try {
    const { sha256, seal } = await deps.peers.askPeople(address, asked.body, asked.file)
    const opened = deps.seal.open('asked', seal)
    const words = opened?.gateway === gateway && isFields(opened.payload) ? opened.payload : {}
    return words.question === asked.id && words.sha256 === sha256
      ? undefined
      : 'what came from its address is not signed by it'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
