// Checks of real servers; the timers are the test's, and nothing waits by the clock.
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import tls from 'node:tls'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import {
  startHealthChecks,
  type CheckedUpstream,
  type HealthChange,
  type HealthSettings,
} from '../../../src/adapters/net/active-health.ts'
import type { After } from '../../../src/adapters/net/health-check.ts'
import { targetKey, TargetStates } from '../../../src/adapters/net/target-states.ts'
import { createAuthority } from '../../support/certificates.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-active-health-'))
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

const HEALTH: HealthSettings = {
  path: '/up?deep=1',
  intervalMs: 5_000,
  timeoutMs: 2_000,
  healthyAfter: 2,
  unhealthyAfter: 3,
}

const cleanUps: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

type Answer = (socket: net.Socket) => void
const says =
  (...parts: readonly string[]): Answer =>
  (socket) => {
    for (const part of parts) socket.write(part)
    socket.end()
  }
const OK = says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
const BAD = says('HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n')

interface Target {
  readonly origin: string
  readonly heard: string[]
  answer: Answer
  readonly sockets: Set<net.Socket>
}

async function startTarget(secure?: tls.TlsOptions, at?: string): Promise<Target> {
  const sockets = new Set<net.Socket>()
  const target: { -readonly [Key in keyof Target]: Target[Key] } = { origin: '', heard: [], answer: OK, sockets }
  const accept = (socket: net.Socket): void => {
    let text = ''
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (!text.endsWith('\r\n\r\n')) return
      target.heard.push(text)
      target.answer(socket)
    })
  }
  const server = secure === undefined ? net.createServer(accept) : tls.createServer(secure, accept)
  server.on('tlsClientError', (_: Error, socket: net.Socket) => socket.destroy())
  await new Promise<void>((resolve) => {
    if (at === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(at, resolve)
  })
  const port = at === undefined ? (server.address() as net.AddressInfo).port : 0
  target.origin = at === undefined ? `${secure === undefined ? 'http' : 'https'}://127.0.0.1:${port}` : `unix:${at}`
  cleanUps.push(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return target
}

interface Timer {
  readonly ms: number
  readonly run: () => void
}

function start(upstreams: Readonly<Record<string, CheckedUpstream>>, fraction = 0.5) {
  const timers = new Set<Timer>()
  const changes: HealthChange[] = []
  let onSet: (() => void) | undefined
  const after: After = (ms, run) => {
    const timer = { ms, run }
    timers.add(timer)
    onSet?.()
    return () => timers.delete(timer)
  }
  const states = new TargetStates()
  const stop = startHealthChecks(upstreams, {
    states,
    fraction: () => fraction,
    onChange: (change) => changes.push(change),
    after,
  })
  cleanUps.unshift(stop)
  const pending = (): readonly number[] => [...timers].map(({ ms }) => ms)
  const fire = (ms: number): void => {
    const timer = [...timers].find((each) => each.ms === ms)
    if (timer === undefined) throw new Error(`no timer of ${ms} ms among ${pending().join(', ')}`)
    timers.delete(timer)
    timer.run()
  }
  /** Resolves when the next check of the only target has been set. */
  const settled = (): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if ([...timers].some(({ ms }) => ms >= 4_000)) resolve()
      }
      onSet = look
      look()
    })
  const check = async (): Promise<void> => {
    fire([...timers].find(({ ms }) => ms !== HEALTH.timeoutMs)?.ms ?? NaN)
    await settled()
  }
  return { states, changes, pending, fire, settled, check, stop }
}

describe('a check', () => {
  test('is a GET of the path over a connection of its own', async () => {
    const target = await startTarget()
    const { check } = start({ registry: { targets: [target.origin], health: HEALTH } })
    await check()
    await check()
    const host = target.origin.slice('http://'.length)
    const asked = `GET /up?deep=1 HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: portcullis-health\r\nAccept: */*\r\nConnection: close\r\n\r\n`
    expect(target.heard).toEqual([asked, asked])
  })

  test.each<readonly [string, Answer, boolean, readonly number[] | undefined]>([
    ['200', OK, true, undefined],
    ['204', says('HTTP/1.1 204 No Content\r\n\r\n'), true, undefined],
    [
      'a chunked body',
      says('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
      true,
      undefined,
    ],
    [
      'an interim answer first',
      says('HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'),
      true,
      undefined,
    ],
    [
      'a body that goes on',
      (socket) => void socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(70_000)}`),
      true,
      undefined,
    ],
    ['500', BAD, false, undefined],
    ['a redirect', says('HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n'), false, undefined],
    ['101', says('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'), false, undefined],
    ['another protocol', says('SSH-2.0-OpenSSH_9.2\r\n'), false, undefined],
    ['a body that is cut off', says('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok'), false, undefined],
    ['a head that is too large', says(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), false, undefined],
    ['a reset', (socket) => void socket.resetAndDestroy(), false, undefined],
    ['nothing', says(), false, undefined],
    ['a status that is asked for', BAD, true, [500]],
    ['a status that is not', OK, false, [204, 500]],
  ])('of a target that answers with %s', async (_what, answer, isGood, statuses) => {
    const target = await startTarget()
    target.answer = answer
    const health = { ...HEALTH, unhealthyAfter: 1, ...(statuses === undefined ? {} : { statuses }) }
    const { check, changes } = start({ registry: { targets: [target.origin], health } })
    await check()
    expect(changes).toHaveLength(isGood ? 0 : 1)
    expect(target.heard).toHaveLength(1)
  })

  test('of a target that does not answer in time is bad, and its connection is ended', async () => {
    const target = await startTarget()
    const asked = new Promise<void>((resolve) => {
      target.answer = (socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok')
        resolve()
      }
    })
    const { fire, settled, changes } = start({
      registry: { targets: [target.origin], health: { ...HEALTH, unhealthyAfter: 1 } },
    })
    fire(2_500)
    await asked
    fire(HEALTH.timeoutMs)
    await settled()
    expect(changes).toEqual([
      { upstream: 'registry', target: 0, isUp: false, detail: 'no whole answer within 2000 ms' },
    ])
    for (const socket of target.sockets) await new Promise((resolve) => socket.once('close', resolve))
  })

  test('of a target where nobody listens is bad', async () => {
    const at = path.join(home, 'nowhere.sock')
    const { check, changes } = start({
      registry: { targets: [`unix:${at}`], health: { ...HEALTH, unhealthyAfter: 1 } },
    })
    await check()
    expect(changes[0]?.detail).toBe('there is no such socket (ENOENT)')
  })

  test('goes by TLS and by socket as the requests do', async () => {
    const authority = createAuthority(home)
    const secure = await startTarget(authority.issue('good'))
    const trusting = start({ a: { targets: [secure.origin], health: HEALTH, tls: { ca: authority.cert } } })
    await trusting.check()
    expect([secure.heard.length, trusting.changes]).toEqual([1, []])
    const doubting = start({ a: { targets: [secure.origin], health: { ...HEALTH, unhealthyAfter: 1 } } })
    await doubting.check()
    expect(secure.heard).toHaveLength(1)
    expect(doubting.changes[0]?.detail).toMatch(/authority that is not believed|whole chain/)
    const local = await startTarget(undefined, path.join(home, 'app.sock'))
    const { check } = start({ a: { targets: [local.origin], health: HEALTH } })
    await check()
    expect(local.heard[0]).toMatch(/^GET \/up\?deep=1 HTTP\/1.1\r\nHost: localhost\r\n/)
  })
})

describe('a target', () => {
  test('goes down after three bad checks in a row, and comes back after two good ones', async () => {
    const target = await startTarget()
    const { check, changes, states } = start({ registry: { targets: [target.origin], health: HEALTH } })
    const isUp = (): boolean => states.isUp(targetKey('registry', target.origin))
    const seen: boolean[] = []
    for (const answer of [OK, BAD, BAD, OK, BAD, BAD, BAD, OK, BAD, OK, OK, BAD, OK]) {
      target.answer = answer
      await check()
      seen.push(isUp())
    }
    expect(seen).toEqual([true, true, true, true, true, true, false, false, false, false, true, true, true])
    expect(changes).toEqual([
      { upstream: 'registry', target: 0, isUp: false, detail: 'answers 500' },
      { upstream: 'registry', target: 0, isUp: true, detail: '' },
    ])
  })

  test('is judged by itself, and without health not at all', async () => {
    const [good, bad, unchecked] = [await startTarget(), await startTarget(), await startTarget()]
    bad.answer = BAD
    const health = { ...HEALTH, unhealthyAfter: 1 }
    const upstreams = {
      reports: { targets: [good.origin, bad.origin], health },
      registry: { targets: [unchecked.origin] },
    }
    const { fire, settled, pending, states, changes } = start(upstreams)
    expect(pending()).toEqual([2_500, 2_500])
    fire(2_500)
    await settled()
    fire(2_500)
    while (changes.length === 0) await new Promise(setImmediate)
    expect(states.down).toEqual([targetKey('reports', bad.origin)])
    expect(states.of(upstreams)).toEqual([
      { upstream: 'reports', target: 0, isUp: true },
      { upstream: 'reports', target: 1, isUp: false },
    ])
    expect(unchecked.heard).toEqual([])
  })

  test('is thought of as before when its checks begin anew', async () => {
    const target = await startTarget()
    const upstreams = { registry: { targets: [target.origin], health: HEALTH } }
    const states = new TargetStates()
    states.set(targetKey('registry', target.origin), false)
    const changes: HealthChange[] = []
    const runs: (() => void)[] = []
    let onSet: (() => void) | undefined
    cleanUps.unshift(
      startHealthChecks(upstreams, {
        states,
        fraction: () => 0.5,
        onChange: (change) => changes.push(change),
        after: (ms, run) => {
          if (ms !== HEALTH.timeoutMs) {
            runs.push(run)
            onSet?.()
          }
          return () => undefined
        },
      }),
    )
    for (let checks = 0; checks < HEALTH.healthyAfter; checks++) {
      const set = new Promise<void>((resolve) => (onSet = resolve))
      runs.pop()?.()
      await set
    }
    expect(changes).toEqual([{ upstream: 'registry', target: 0, isUp: true, detail: '' }])
  })
})

describe('the times', () => {
  test.each([
    [0, 0, 4_500],
    [0.5, 2_500, 5_000],
    [0.999, 4_995, 5_499],
  ])('are spread: with %d the first is after %d ms, the next after %d', async (fraction, first, next) => {
    const target = await startTarget()
    const { pending, check } = start({ registry: { targets: [target.origin], health: HEALTH } }, fraction)
    expect(pending()).toEqual([first])
    await check()
    expect(pending().map(Math.round)).toEqual([next])
  })

  test('one check at a time, and after the stop none', async () => {
    const target = await startTarget()
    const asked = new Promise<void>((resolve) => {
      target.answer = () => {
        resolve()
      }
    })
    const { fire, pending, stop, changes } = start({
      registry: { targets: [target.origin], health: { ...HEALTH, unhealthyAfter: 1 } },
    })
    fire(2_500)
    await asked
    expect(pending()).toEqual([HEALTH.timeoutMs])
    stop()
    expect(pending()).toEqual([])
    for (const socket of target.sockets) await new Promise((resolve) => socket.once('close', resolve))
    expect([pending(), changes]).toEqual([[], []])
  })
})
