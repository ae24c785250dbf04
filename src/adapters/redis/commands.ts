// The connection for commands: each is answered within the limit or fails with one line, and no more wait than a bound says.
import { Cluster, Redis } from 'ioredis'
import { backoffMs, connectionOptions, nodeOptions, type RedisSettings } from './settings.ts'
import type { Script } from './scripts.ts'

export interface Commands {
  /** Rejects with an Error of one line. Whether a script that was sent has run is then not known. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
  close(): void
}

export interface CommandsListener {
  onUp(): void
  onDown(problem: string): void
}

/** Calls that are under way or wait for contact; beyond it they fail at once. */
const PENDING_MAX = 1000
/** Two for a slot that has moved, and room for a node that has failed. */
const REDIRECTIONS_MAX = 4

/** As late as any attempt to connect. */
const RESTART_ATTEMPT = 10

type Client = Redis | Cluster

/** Opens no connection itself before the turn ends, and never fails: an absent Redis is tried again for ever. */
export function openCommands(settings: RedisSettings, listener: CommandsListener): Commands {
  const client = createClient(settings)
  /** Calls that wait for contact; each leaves by itself once its limit has passed. */
  const waiting = new Set<() => void>()
  let pending = 0
  let isClosed = false
  const state = watch(client, settings, {
    onUp() {
      for (const go of waiting) go()
      listener.onUp()
    },
    onDown(problem) {
      listener.onDown(problem)
    },
  })
  const attempt = (script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { timeoutMs } = settings
      const go = (): void => {
        waiting.delete(go)
        evaluate(client, script, keys, args)
          .then(resolve, (error: unknown) => {
            reject(new Error(oneLine(error), { cause: error }))
          })
          .finally(() => {
            clearTimeout(timer)
          })
      }
      const timer = setTimeout(() => {
        waiting.delete(go)
        reject(new Error(`Redis did not answer within ${timeoutMs} ms${state.isUp ? '' : `: ${state.problem}`}`))
      }, timeoutMs)
      if (state.isUp) go()
      else waiting.add(go)
    })
  return {
    async run(script, keys, args) {
      if (isClosed) throw new Error('the connection to Redis was closed by this gateway')
      if (pending >= PENDING_MAX) throw new Error(`more than ${PENDING_MAX} calls wait for Redis`)
      pending++
      try {
        return await attempt(script, keys, args)
      } finally {
        pending--
      }
    },
    close() {
      isClosed = true
      state.close()
    },
  }
}

interface ClientState {
  readonly isUp: boolean
  /** What the client last said of it, while it is down. */
  readonly problem: string
  close(): void
}

/** Connects, and keeps the client trying: the library gives up for good where an address is none, which a Sentinel may well say. */
function watch(client: Client, { fraction }: RedisSettings, listener: CommandsListener): ClientState {
  let isUp = false
  let problem = 'no contact yet'
  let again: NodeJS.Timeout | undefined
  let isClosed = false
  client.on('error', (error: unknown) => {
    problem = oneLine(error)
    // The library is out of step with what is sent: no later answer can be told to belong to its call.
    if (client instanceof Redis && problem.startsWith('Command queue state error')) client.stream.destroy()
  })
  client.on('node error', (error: unknown) => {
    problem = oneLine(error)
  })
  client.on('ready', () => {
    isUp = true
    problem = 'the connection was closed'
    listener.onUp()
  })
  client.on('close', () => {
    isUp = false
    listener.onDown(problem)
  })
  const connect = (): void => {
    client.connect().catch(() => undefined)
  }
  client.on('end', () => {
    if (!isClosed) again = setTimeout(connect, backoffMs(RESTART_ATTEMPT, fraction))
  })
  connect()
  return {
    get isUp() {
      return isUp
    },
    get problem() {
      return problem
    },
    close() {
      isClosed = true
      clearTimeout(again)
      client.disconnect()
    },
  }
}

function createClient(settings: RedisSettings): Client {
  const { place, fraction, timeoutMs } = settings
  if (place.kind !== 'cluster') return new Redis(connectionOptions(settings))
  const cluster = new Cluster([...place.nodes], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: (attempt) => backoffMs(attempt, fraction),
    maxRedirections: REDIRECTIONS_MAX,
    slotsRefreshTimeout: timeoutMs,
    redisOptions: nodeOptions(settings),
  })
  cluster.on('+node', (node: Redis) => {
    const asking = node.asking.bind(node) as () => Promise<unknown>
    // The library sends this before a command that moves with its slot, and leaves its failure to nobody: the process would end.
    node.asking = () => {
      const asked = asking()
      asked.catch(() => undefined)
      return asked as Promise<'OK'>
    }
  })
  return cluster
}

/** By its hash, and by its text where Redis has not seen it yet: after each of its restarts. */
async function evaluate(
  client: Client,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await client.call('EVALSHA', sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return client.call('EVAL', lua, keys.length, ...keys, ...args)
  }
}

const LINE_MAX = 300

/** What an error says, on one line and of bounded length: some of it is what Redis sent. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.slice(0, LINE_MAX).replaceAll(/[^\x20-\x7e]+/g, ' ')
}
