// The members of the fleet as this gateway knows them, on its disk: no store can make it forget one.
import { parseMember, type Member } from '../../core/fleet-messages.ts'
import { FleetRoster } from '../../core/fleet-roster.ts'
import type { FleetMemory } from '../../ports/fleet-memory.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { Logger } from '../../ports/logger.ts'
import { canonicalJson } from '../../core/canonical-json.ts'

export interface MemberBook {
  readonly roster: FleetRoster
  readonly founded: boolean
  found(): void
  /** Takes what the store holds; returns those that are newer here, by gateway. */
  compare(records: ReadonlyMap<string, string>): ReadonlyMap<string, string>
  /** The next record of this gateway itself. */
  sign(state: Member['state'], rest: Pick<Member, 'at' | 'version' | 'address' | 'knows'>): string
  /** Whether its record still stands by a fleet secret that is to be replaced: once that is gone, nobody believes it. */
  isByOldSecret(gateway: string): boolean
  /** Own number, which counts its runs and records. */
  readonly seq: number
  /** All that was learned is on the disk, or could not be written. Never rejects. */
  settled(): Promise<void>
}

export interface MemberBookDeps {
  readonly fleet: string
  readonly seal: FleetSeal
  readonly memory: FleetMemory
  readonly logger: Logger
}

export function createMemberBook({ fleet, seal, memory, logger }: MemberBookDeps): MemberBook {
  const known = memory.read()
  const mine = known?.fleet === fleet ? known : undefined
  const roster = new FleetRoster(seal.gateway)
  const texts = new Map<string, string>()
  let founded = mine?.founded ?? false
  let seq = mine?.seq ?? 0
  let written: Promise<void> = Promise.resolve()

  const take = (text: string): Member | undefined => {
    const opened = seal.open('member', text)
    const member = opened && parseMember(opened.payload)
    if (member === undefined || member.gateway !== opened?.gateway || !roster.take(member)) return undefined
    texts.set(member.gateway, text)
    // A disk that was put back must not make this gateway sign an old number again.
    if (member.gateway === seal.gateway) seq = Math.max(seq, member.seq)
    return member
  }
  const write = (): void => {
    written = written
      .then(() => memory.write({ fleet, founded, seq, members: [...texts.values()] }))
      .catch((error: unknown) => {
        logger.error('the members of the fleet could not be written to store.dir/fleet.json', {
          error: error instanceof Error ? error.message : String(error),
        })
      })
  }
  for (const text of mine?.members ?? []) take(text)

  return {
    roster,
    get founded() {
      return founded
    },
    get seq() {
      return seq
    },
    isByOldSecret(gateway) {
      const text = texts.get(gateway)
      return text !== undefined && !seal.isByFirst(text)
    },
    found() {
      if (founded) return
      founded = true
      write()
    },
    compare(records) {
      // What is known is not checked again: in a large fleet everybody reads this whenever somebody joins.
      const news = [...records].flatMap(([gateway, text]) => (texts.get(gateway) === text ? [] : (take(text) ?? [])))
      if (news.length > 0) write()
      for (const { gateway, state } of news) logger.info('a member of the fleet', { gateway, state })
      return new Map([...texts].filter(([gateway, text]) => records.get(gateway) !== text))
    },
    sign(state, rest) {
      seq += 1
      const text = seal.seal('member', canonicalJson({ gateway: seal.gateway, seq, state, ...rest }))
      take(text)
      write()
      return text
    },
    settled: () => written,
  }
}
