// Redis as a fleet of its own: a cluster of three, and a Sentinel that watches a primary with a replica. (`master` is Redis' word.)
import { type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'
import { end, launch, startRedis, type RedisServer } from './redis-server.ts'

export interface RedisCluster {
  readonly nodes: readonly RedisServer[]
  /** Resolves once every node sees all the others and all slots. */
  isWhole(): Promise<void>
  stop(): Promise<void>
}

const SLOTS = 16_384

/** Three nodes without replicas, each with a third of the slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes: RedisServer[] = []
  const share = Math.ceil(SLOTS / 3)
  for (let index = 0; index < 3; index++) {
    // The bus stands by default 10,000 above the port, which a free port can be too high for.
    const bus = await freePort()
    const node = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-port', String(bus)] })
    await node.command('CLUSTER', 'ADDSLOTSRANGE', index * share, Math.min(SLOTS, (index + 1) * share) - 1)
    await nodes[0]?.command('CLUSTER', 'MEET', '127.0.0.1', node.port, bus)
    nodes.push(node)
  }
  const whole = async (): Promise<void> => {
    await Promise.all(nodes.map(isWhole))
  }
  await whole()
  return {
    nodes,
    isWhole: whole,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

/** The gossip takes about a second; there is no event for its end, so the node is asked. */
async function isWhole(node: RedisServer): Promise<void> {
  const until = performance.now() + 20_000
  for (;;) {
    const info = String(await node.command('CLUSTER', 'INFO'))
    if (/cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info) && /cluster_slots_ok:16384/.test(info))
      return
    if (performance.now() > until) throw new Error(`the cluster is not whole: ${info}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export interface SentinelSet {
  /** The name under which the Sentinel knows the primary. */
  readonly name: string
  readonly port: number
  readonly primary: RedisServer
  readonly replica: RedisServer
  /** Makes the replica the primary; resolves once the Sentinel names it. */
  failOver(): Promise<void>
  stop(): Promise<void>
}

export async function startSentinelSet(): Promise<SentinelSet> {
  const name = 'portcullis'
  const primary = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] })
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] })
  const replicates = replica.connect()
  // The replica is known to the primary, and so to the Sentinel, once a write has reached it.
  await Promise.all([replicates.ping(), primary.command('SET', 'replicated', 'yes')])
  await primary.command('WAIT', 1, 10_000)
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-sentinel-'))
  const port = await freePort()
  const file = join(directory, 'sentinel.conf')
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor ${name} 127.0.0.1 ${primary.port} 1`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 5000`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const child: ChildProcess = await launch([file, '--sentinel'], '+slave slave')
  return {
    name,
    port,
    primary,
    replica,
    async failOver() {
      const events = new Redis({ host: '127.0.0.1', port })
      events.on('error', () => undefined)
      const switched = new Promise<void>((resolve) => {
        events.on('message', () => {
          resolve()
        })
      })
      await events.subscribe('+switch-master')
      const order = new Redis({ host: '127.0.0.1', port })
      await forceFailOver(order, name)
      await switched
      events.disconnect()
      order.disconnect()
    },
    async stop() {
      await end(child, 'SIGKILL')
      rmSync(directory, { recursive: true, force: true })
      await replica.stop()
      await primary.stop()
    },
  }
}

/** A Sentinel that has not yet heard of the replica's health refuses, and hears of it within a second. */
async function forceFailOver(sentinel: Redis, name: string): Promise<void> {
  const until = performance.now() + 20_000
  for (;;) {
    try {
      await sentinel.call('SENTINEL', 'FAILOVER', name)
      return
    } catch (error) {
      if (!/NOGOODSLAVE/.test(String(error)) || performance.now() > until) throw error
      // Sentinel tells of no event when a replica is good enough: it can only be asked again.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
