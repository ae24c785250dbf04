// The happy path, so that the rest of the folder stands on something.
import { afterEach, expect, test } from '@jest/globals'
import { field } from '../support/raw-client.ts'
import { OK, startRawUpstream, type RawUpstream } from '../support/raw-upstream.ts'
import { request, startDataPlane, type DataPlane } from '../support/start-data-plane.ts'

let plane: DataPlane
let upstream: RawUpstream

afterEach(async () => {
  await plane.close()
  await upstream.close()
})

test('an open route passes', async () => {
  upstream = await startRawUpstream(() => OK)
  plane = await startDataPlane({ upstream: upstream.port, routes: [{ path: '/open' }] })
  const answer = await plane.ask(request('GET', '/open?b=2&a=1'))
  expect(answer.status).toBe(200)
  expect(answer.body.toString()).toBe('{"from":"real"}')
  expect(field(answer, 'x-request-id')).toMatch(/^request-/)
  expect(upstream.requests.map(({ method, target }) => `${method} ${target}`)).toEqual(['GET /open?b=2&a=1'])
  expect(plane.trail.requests.map(({ phase, decision }) => `${phase} ${decision}`)).toEqual(['outcome allow'])
})
