// A route, tag or upstream that only another member knows can be locked from anywhere; what nobody knows is a slip of the pen.
import { expect, test } from '@jest/globals'
import { people } from '../../support/control-desk.ts'
import { createFleet } from '../../support/fleet-rig.ts'

const lock = (scope: object) => ({ kind: 'lock', scope, reason: 'leak suspected', incident: 'INC-7' })

test('a name that a member of the fleet knows is none that is unknown, as long as it is a member', async () => {
  const fleet = await createFleet(2)
  const other = await fleet.add({ names: { routes: ['claims.read'], tags: ['claims'], upstreams: ['claims-db'] } })
  await fleet.found()
  const [a] = fleet.members
  if (a === undefined) throw new Error()
  for (const scope of [{ routes: ['claims.read'] }, { tags: ['claims'] }, { upstreams: ['claims-db'] }]) {
    const result = await a.order(people.desk, lock(scope))
    expect([result.outcome, 'covers' in result ? result.covers : undefined]).toEqual(['accepted', []])
  }
  await fleet.rounds(3)
  expect(other.held).toEqual(a.held)
  expect(await a.order(people.desk, lock({ routes: ['claims.raed'] }))).toMatchObject({
    outcome: 'refused',
    problems: [expect.stringContaining('there is no "claims.raed"')],
  })
  await other.parts.leave()
  await fleet.rounds(2, fleet.members.slice(0, 2))
  expect((await a.order(people.desk, lock({ routes: ['claims.read'] }))).outcome).toBe('refused')
})

test('names that are too many for a record are left out of it', async () => {
  const routes = Array.from({ length: 4000 }, (_, index) => `a-route-with-a-long-name-${index}`)
  const fleet = await createFleet(2)
  const other = await fleet.add({ names: { routes, tags: [], upstreams: [] } })
  await fleet.found()
  const [a] = fleet.members
  expect(a?.parts.roster.member(other.name)?.knows).toBeUndefined()
  expect(a?.parts.link.leaseRemainingMs).toBeGreaterThan(0)
})
