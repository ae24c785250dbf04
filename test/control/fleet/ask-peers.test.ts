// A question passed on to a fleet's members: only what a member itself has sealed, whole and of its own trail, comes into the answer.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createHash } from 'node:crypto'
import { afterAll, expect, test } from '@jest/globals'
import { mergePeopleFiles, peoplePath, writePeople } from '../../../src/audit/search/people-file.ts'
import { askPeers } from '../../../src/control/fleet/ask-peers.ts'
import { canonicalJson } from '../../../src/core/canonical-json.ts'
import type { PeopleLine } from '../../../src/core/people-lines.ts'
import { formatPeopleLine } from '../../../src/core/people-text.ts'
import { createFleet, type Member } from '../../support/fleet-rig.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'portcullis-ask-'))
afterAll(() => {
  rmSync(dir, { recursive: true })
})

const subject = `k1.${'s'.repeat(22)}`

function linesOf(gateway: string): readonly PeopleLine[] {
  const counts = {
    reads: 1,
    withoutOtp: 1,
    unnamed: 0,
    subjects: 1,
    subjectsWithoutOtp: 1,
    principals: 0,
    withoutSession: 1,
  }
  return [
    { trail: { gateway, size: 9, root: 'cm9vdA==', ...counts, first: 1, last: 2 } },
    { subject, reads: 1, withoutOtp: 1, first: 1, last: 2, firstEntry: 3, lastEntry: 3 },
    { end: 1 },
  ]
}

/** What a member sends: its lines, and the seal of somebody over some hash. */
interface Sent {
  readonly lines: readonly PeopleLine[]
  readonly by?: Member
  readonly of?: string
  readonly question?: string
}

test('a list that is another’s, was changed on its way, cut, or of another question is missing, and the others are one answer', async () => {
  const fleet = await createFleet(6)
  await fleet.found()
  const [own, good, changed, foreign, cut, stale] = fleet.members as [Member, Member, Member, Member, Member, Member]
  const sent = new Map<string, Sent>([
    [good.name, { lines: linesOf(good.name) }],
    [changed.name, { lines: linesOf(changed.name), of: 'another hash' }],
    [foreign.name, { lines: linesOf(foreign.name), by: changed }],
    [cut.name, { lines: linesOf(cut.name).slice(0, -1) }],
    [stale.name, { lines: linesOf(stale.name), question: 'an earlier one' }],
  ])
  const memberAt = (origin: string): Member => {
    const found = fleet.members.find(({ parts }) => parts.deps.address() === origin)
    if (found === undefined) throw new Error('nobody is there')
    return found
  }
  const askPeople = async (origin: string, _body: object, file: string): Promise<{ sha256: string; seal: string }> => {
    const member = memberAt(origin)
    const { lines, by = member, of, question = 'q1' } = sent.get(member.name) ?? { lines: [] }
    const text = lines.map(formatPeopleLine).join('')
    writeFileSync(file, text)
    const sha256 = createHash('sha256').update(text).digest('base64url')
    return { sha256, seal: by.seal.seal('asked', canonicalJson({ gateway: by.name, question, sha256: of ?? sha256 })) }
  }
  const answer = await askPeers({
    fleet: { ...own.parts, deps: { ...own.parts.deps, peers: { ...own.parts.deps.peers, askPeople } } },
    search: {
      people: () =>
        writePeople(
          peoplePath(dir),
          (async function* () {
            yield* linesOf(own.name)
          })(),
        ),
      mergePeople: mergePeopleFiles,
    },
    question: { id: 'q1', by: 'lead', query: { routes: ['record.read'] } },
    jws: 'signed',
    limit: 10,
  })
  expect(answer).toMatchObject({ subjects: 1, reads: 2 })
  expect(answer.trails.map(({ gateway }) => gateway).sort()).toEqual([own.name, good.name].sort())
  const why = new Map(answer.missing.map((each) => [each.gateway, each.why]))
  expect([...why.keys()].sort()).toEqual([changed, foreign, cut, stale].map(({ name }) => name).sort())
  for (const { name } of [changed, foreign, stale])
    expect(why.get(name)).toBe('what came from its address is not signed by it')
  expect(why.get(cut.name)).toContain('ends in its middle')
  expect(readdirSync(dir)).toEqual([])
})
