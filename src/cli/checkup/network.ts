// Who can be reached: upstreams, the Redis of a fleet, the gateway itself; and what other clocks say.
import { request } from 'node:http'
import { request as requestSecure } from 'node:https'
import net from 'node:net'
import type { Config } from '../../config/config.ts'
import type { Instant } from '../../core/time.ts'
import { bad, doubtful, reasonOf, well, type Finding } from './finding.ts'

const CONNECT_MS = 3_000
/** Orders are refused beyond 60 s, a session's OTP is judged by this clock. */
const CLOCK_GOOD_MS = 2_000
const CLOCK_BAD_MS = 30_000

export async function checkUpstreams({ upstreams }: Config): Promise<readonly Finding[]> {
  const checks = Object.entries(upstreams).flatMap(([name, { targets }]) =>
    targets.map(async (target) => {
      const where = placeOf(target)
      const problem = await connect(where)
      const of = `upstreams.${name}`
      return problem === undefined
        ? well(of, `${target}: takes connections`)
        : bad(of, `${target}: ${problem}`, 'start it, mend its address, or let this host through to it')
    }),
  )
  return Promise.all(checks)
}

export async function checkStore({ store }: Config): Promise<readonly Finding[]> {
  if (store.redis === undefined) return [well('store', 'embedded: nothing to reach')]
  const hosts = /^[a-z-]+:\/\/(?:[^@/]*@)?([^/?#]+)/.exec(store.redis.url)?.[1]?.split(',') ?? []
  return Promise.all(
    hosts.map(async (host) => {
      const { hostname, port } = new URL(`tcp://${host}`)
      const problem = await connect({ host: bare(hostname), port: Number(port === '' ? 6379 : port) })
      return problem === undefined
        ? well('store.redis', `${host}: takes connections`)
        : bad(
            'store.redis',
            `${host}: ${problem}`,
            'start it or let this host through: without it routes take their stale posture',
          )
    }),
  )
}

/** Ports that are taken are right where the gateway runs. */
export async function checkListeners({ gateway, control }: Config): Promise<readonly Finding[]> {
  if ('path' in control.listen) return [well('control.listen', `${control.listen.path}: a socket`)]
  const origin = `${control.tls === undefined ? 'http' : 'https'}://${hostOf(control.listen.host)}:${control.listen.port}`
  const answer = await ask(`${origin}/healthz`)
  if ('date' in answer) return [well('control.listen', `${origin}: the gateway runs`)]
  const listens = [
    { key: 'control.listen', listen: control.listen },
    ...(gateway === undefined ? [] : [{ key: 'gateway.listen', listen: gateway.listen }]),
  ]
  return Promise.all(
    listens.map(async ({ key, listen }) => {
      if ('path' in listen) return well(key, `${listen.path}: a socket`)
      const isTaken = (await connect({ host: listen.host, port: listen.port })) === undefined
      const where = `${listen.host}:${listen.port}`
      return isTaken
        ? bad(key, `${where}: something else listens there`, 'stop it, or listen on another port')
        : well(key, `${where}: free, the gateway does not run`)
    }),
  )
}

/** By the Date of others (RFC 9110, 6.6.1), which has whole seconds. */
export async function checkClock(origins: readonly string[], now: () => Instant): Promise<readonly Finding[]> {
  if (origins.length === 0)
    return [
      doubtful('clock', 'not compared with any other', 'name another machine: --control https://other-gateway:9080'),
    ]
  return Promise.all(
    origins.map(async (origin) => {
      const from = now()
      const answer = await ask(`${origin}/healthz`)
      if (!('date' in answer))
        return doubtful('clock', `${origin}: ${answer.problem}`, 'name a control plane that answers')
      const offMs = Math.max(0, Math.abs((from + now()) / 2 - 500 - answer.date) - 500)
      const text = `${origin}: ${offMs === 0 ? 'within a second of this clock' : `${Math.round(offMs / 1000)} s from this clock`}`
      if (offMs > CLOCK_BAD_MS) return bad('clock', text, SYNC)
      return offMs > CLOCK_GOOD_MS ? doubtful('clock', text, SYNC) : well('clock', text)
    }),
  )
}

const SYNC = 'run NTP on both: orders are refused at 60 s, and sessions are judged by this clock'

function hostOf(host: string): string {
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return reached.includes(':') ? `[${reached}]` : reached
}

function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

function placeOf(target: string): net.NetConnectOpts {
  if (target.startsWith('unix:')) return { path: target.slice('unix:'.length) }
  const { hostname, port, protocol } = new URL(target)
  return { host: bare(hostname), port: Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port) }
}

/** Undefined where a connection could be made; else why not. */
function connect(where: net.NetConnectOpts): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(where)
    const end = (problem: string | undefined): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(problem)
    }
    const timer = setTimeout(() => {
      end(`no connection in ${CONNECT_MS} ms`)
    }, CONNECT_MS)
    socket.once('connect', () => {
      end(undefined)
    })
    socket.once('error', (error) => {
      end(`no connection: ${reasonOf(error)}`)
    })
  })
}

/** No certificate is checked: nothing that is answered is believed but the hour. */
function ask(url: string): Promise<{ readonly date: Instant } | { readonly problem: string }> {
  return new Promise((resolve) => {
    const call = url.startsWith('https:')
      ? requestSecure(url, { timeout: CONNECT_MS, agent: false, rejectUnauthorized: false })
      : request(url, { timeout: CONNECT_MS, agent: false })
    call.once('response', (response) => {
      response.resume()
      const date = Date.parse(response.headers.date ?? '')
      resolve(Number.isNaN(date) ? { problem: 'it tells no Date' } : { date })
    })
    call.once('timeout', () => call.destroy(new Error(`no answer in ${CONNECT_MS} ms`)))
    call.once('error', (error) => {
      resolve({ problem: `no answer: ${reasonOf(error)}` })
    })
    call.end()
  })
}
