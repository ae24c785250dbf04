// Who is in the fleet, what each last said, and what each has shown.
import { BODY_BYTES_MAX, PROOF_TTL_MS } from '../../core/fleet-limits.ts'
import type { FleetStore } from '../../ports/fleet-store.ts'
import type { StoreParts } from './entries.ts'
import { ENROL, PUT_PROOF, READ_ALL, ROSTER_SINCE, TELL } from './scripts.ts'
import { checkTexts, parseList, parsePairs } from './shapes.ts'

/** Bytes of all that a hash may give at once: 10,000 members with records of a kilobyte, and room. */
const HASH_BYTES_MAX = 16 * 1024 * 1024

type Members = Pick<FleetStore, 'roster' | 'rosterSince' | 'enrol' | 'heartbeats' | 'putProof' | 'proofs' | 'tell'>

export function createMembers({ commands, keys, generation, onDropped }: StoreParts): Members {
  const readAll = async (key: string, what: string): Promise<ReadonlyMap<string, string>> =>
    new Map(parsePairs(await commands.run(READ_ALL, [key], [HASH_BYTES_MAX, BODY_BYTES_MAX]), what, onDropped))
  return {
    roster: () => readAll(keys.roster, 'record'),
    heartbeats: () => readAll(keys.beats, 'heartbeat'),

    async rosterSince(version) {
      const named = [keys.roster, keys.rosterVersion, keys.rosterOrder]
      const [isKnown, found] = parseList(
        await commands.run(ROSTER_SINCE, named, [version, HASH_BYTES_MAX, BODY_BYTES_MAX]),
      )
      return isKnown === 1 ? new Map(parsePairs(found, 'record', onDropped)) : undefined
    },

    async enrol(gateway, record, isGone) {
      checkTexts([gateway], [record])
      const named = [keys.generation, keys.orders, keys.roster, keys.beats, keys.rosterVersion, keys.rosterOrder]
      await commands.run(ENROL, named, [generation(), keys.news, gateway, record, isGone ? 1 : 0])
    },

    async putProof({ order, gateway, body }, to) {
      checkTexts([order, gateway, ...to], [body])
      const message = `proof ${order} ${gateway} ${body}`
      const args = [gateway, body, PROOF_TTL_MS, message, ...to.map((each) => keys.channelOf(each))]
      await commands.run(PUT_PROOF, [keys.proofsOf(order)], args)
    },

    async tell(text, to) {
      checkTexts(to, [text])
      await commands.run(TELL, [keys.generation], [`told ${text}`, ...to.map((each) => keys.channelOf(each))])
    },

    async proofs(order) {
      checkTexts([order], [])
      return readAll(keys.proofsOf(order), 'proof')
    },
  }
}
