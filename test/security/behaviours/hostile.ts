// An upstream that poisons: what it sends is marked, and no mark may ever reach a caller; nor is its connection used again.
import { expect } from '@jest/globals'
import type { RawClient, RawResponse } from '../../support/raw-client.ts'
import type { Answer } from '../../support/raw-upstream.ts'
import type { StartRig } from '../../support/rig.ts'
import { turns } from '../../support/rig.ts'
import { request } from '../../support/start-data-plane.ts'

export const MARK = 'poison'
export const POISON = `HTTP/1.1 200 OK\r\nContent-Length: ${MARK.length}\r\n\r\n${MARK}`
export const CLEAN = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nclean'

/** How the upstream leaves the connection once it has written: as it is, ended, or reset. */
export type Ending = 'stay' | 'end' | 'reset'

export interface Hostile {
  readonly bytes: string | Buffer
  readonly ending?: Ending
  readonly method?: 'GET' | 'HEAD'
}

const ROUTES = [{ path: '/open', methods: ['GET', 'POST'] }, { path: '/other' }] as const
/** One connection: what is wrongly kept is certainly used again. Times short enough that what waits is seen to end. */
const POOL = { connectionsMax: 1, headersTimeoutMs: 250, bodyTimeoutMs: 250 } as const

export type Outcome = { readonly answered: RawResponse } | 'aborted'

/** `answered`: a whole response; `aborted`: the connection was cut, with nothing or with a part that looks like no whole. */
export async function outcomeOf(client: RawClient, head = false): Promise<Outcome> {
  const answer = await client.response({ head }).catch(() => undefined)
  return answer?.complete === true ? { answered: answer } : 'aborted'
}

/**
 * One caller asks and the upstream misbehaves; then a second caller asks by the same connection, had it been kept, and the
 * first one again. Resolves with what the first one got, once it is certain that nobody got a mark.
 */
export async function endure(start: StartRig, hostile: Hostile): Promise<Outcome> {
  const { bytes, ending = 'stay', method = 'GET' } = hostile
  const misbehave: Answer = (_seen, { socket }) => {
    socket.write(bytes, 'latin1', () => {
      if (ending === 'end') socket.end()
      else if (ending === 'reset') socket.resetAndDestroy()
    })
    return undefined
  }
  const { plane, upstream } = await start({ routes: ROUTES, pool: POOL }, misbehave)
  const [first, second] = [await plane.connect(), await plane.connect()]
  first.write(request(method, '/open'))
  const outcome = await outcomeOf(first, method === 'HEAD')
  upstream.answer = () => CLEAN
  second.write(request('GET', '/other'))
  expect((await second.response()).body.toString()).toBe('clean')
  if (first.isOpen) {
    first.write(request('GET', '/other'))
    expect((await first.response()).body.toString()).toBe('clean')
  }
  // Not one more request was written to it.
  expect(upstream.connections[0]?.requests.length).toBe(1)
  await upstream.connections[0]?.closed
  await turns(5)
  for (const client of [first, second]) expect(client.received.includes(MARK)).toBe(false)
  expect(upstream.requests[0]?.target).toBe('/open')
  expect(upstream.requests.slice(1).every(({ target }) => target === '/other')).toBe(true)
  return outcome
}
