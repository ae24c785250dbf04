// A link that can be cut: a TCP relay on a free port whose bytes are held, delayed or reset at the test's word.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface CutProxy {
  readonly port: number
  /** Connections that stand now. */
  readonly open: number
  /** As a partition does: what is open stays open, nothing passes and nothing new is answered, until `restore`. */
  cut(): void
  /** What was held goes on its way, as TCP would have sent it again. */
  restore(): void
  /** As a firewall that rejects: every connection is reset, and new ones too, until `restore`. */
  reset(): void
  /** As a firewall that has forgotten what is open: that stays silent for ever, and new connections pass. */
  forget(): void
  /** Every chunk in either direction waits for so long; 0 ends it. */
  delay(ms: number): void
  stop(): Promise<void>
}

type Link = 'whole' | 'cut' | 'reset'

export async function startCutProxy(target: { readonly host?: string; readonly port: number }): Promise<CutProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let link: Link = 'whole'
  let delayMs = 0
  const timers = new Set<NodeJS.Timeout>()
  const createPass = (to: Socket): ((chunk: Buffer) => void) => {
    const held: Buffer[] = []
    return (chunk) => {
      if (delayMs === 0 && held.length === 0) {
        to.write(chunk)
        return
      }
      // Each timer sends the oldest: a later chunk never overtakes, whatever its own delay.
      held.push(chunk)
      const timer = setTimeout(() => {
        timers.delete(timer)
        to.write(held.shift() ?? '')
      }, delayMs)
      timers.add(timer)
    }
  }
  const server = createServer((near) => {
    if (link === 'reset') {
      near.resetAndDestroy()
      return
    }
    const far = connect(target.port, target.host ?? '127.0.0.1')
    const pair = [near, far] as const
    pairs.add(pair)
    const drop = (): void => {
      pairs.delete(pair)
      near.destroy()
      far.destroy()
    }
    for (const [from, to] of [pair, [far, near] as const]) {
      from.setNoDelay(true)
      from.on('data', createPass(to))
      from.on('error', drop)
      from.on('close', drop)
      if (link === 'cut') from.pause()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const each = (act: (socket: Socket) => void): void => {
    for (const pair of pairs) pair.forEach(act)
  }
  return {
    port: (server.address() as AddressInfo).port,
    get open() {
      return pairs.size
    },
    cut() {
      link = 'cut'
      each((socket) => socket.pause())
    },
    restore() {
      link = 'whole'
      each((socket) => socket.resume())
    },
    reset() {
      link = 'reset'
      each((socket) => socket.resetAndDestroy())
    },
    forget() {
      each((socket) => socket.pause())
    },
    delay(ms) {
      delayMs = ms
    },
    async stop() {
      for (const timer of timers) clearTimeout(timer)
      each((socket) => socket.destroy())
      server.close()
      await once(server, 'close')
    },
  }
}
