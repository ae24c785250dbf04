// A process of its own, in which whatever is thrown and caught by nobody is counted: stores of every kind, each at a server that
// answers rightly often enough to be believed, and otherwise at random. Prints what came of it as JSON.
import { createServer, type AddressInfo } from 'node:net'
import { createListener, openStore } from '../../support/fleet-stores.ts'

const RUN_MS = 4000
const uncaught: string[] = []
process.on('uncaughtException', (error) => uncaught.push(error.stack ?? String(error)))
process.on('unhandledRejection', (reason) =>
  uncaught.push(reason instanceof Error ? (reason.stack ?? '') : String(reason)),
)

let seed = 20_261_124
function below(limit: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff
  return (seed >> 8) % limit
}
function oneOf<T>(list: readonly T[]): T {
  return list[below(list.length)] as T
}
function bulk(text: string): string {
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`
}
function list(...items: readonly string[]): string {
  return `*${items.length}\r\n${items.join('')}`
}

const WORDS = ['', 'O', 'OK', 'message', 'subscribe', 'unsubscribe', 'pong', 'smessage', 'pmessage', 'ssubscribe']
const MORE_WORDS = ['127.0.0.1', '99999', '-1', 'cluster_state:ok', 'loading:1', 'entry a b', '+switch-master']
const ERRORS = ['ERR', 'NOSCRIPT', 'MOVED 3 127.0.0.1:1', 'ASK 1 :x', 'ASK 3 ?:?', 'MOVED', 'LOADING', 'CLUSTERDOWN']
const MORE_ERRORS = ['TRYAGAIN', 'READONLY x', 'NOAUTH', 'WRONGPASS', 'NOPROTO', '']

function flat(): string {
  const word = oneOf([...WORDS, ...MORE_WORDS, 'x'.repeat(below(300))])
  const asking = `ASK 1 127.0.0.1:${port}`
  switch (below(6)) {
    case 0:
      return `+${word}\r\n`
    case 1:
      return `-${oneOf([...ERRORS, ...MORE_ERRORS, asking])}\r\n`
    case 2:
      return `:${below(100_000) - 50}\r\n`
    case 3:
      return oneOf(['$-1\r\n', '*-1\r\n', '*0\r\n'])
    default:
      return bulk(word)
  }
}

function random(depth: number): string {
  if (depth === 0 || below(2) === 0) return flat()
  return list(...Array.from({ length: below(5) }, () => random(depth - 1)))
}

function rightly([name = '', first = '', ...rest]: readonly string[]): string {
  switch (name.toLowerCase()) {
    case 'info':
      return bulk('role:master\r\nloading:0\r\ncluster_state:ok\r\n')
    case 'subscribe':
      return [first, ...rest].map((each, index) => list(bulk('subscribe'), bulk(each), `:${index + 1}\r\n`)).join('')
    case 'ping':
      return list(bulk('pong'), bulk(''))
    case 'sentinel':
      return list(bulk('127.0.0.1'), bulk(String(port)))
    case 'cluster':
      return first.toLowerCase() === 'slots'
        ? list(list(':0\r\n', ':16383\r\n', list(bulk('127.0.0.1'), `:${port}\r\n`, bulk('id'))))
        : bulk('cluster_state:ok\r\n')
    default:
      return random(4)
  }
}

/** Commands as the library writes them: arrays of strings. */
function parseCommands(text: string): readonly (readonly string[])[] {
  return text
    .split(/(?:^|\r\n)\*\d+\r\n/)
    .slice(1)
    .map((each) => each.split('\r\n').filter((_, index) => index % 2 === 1))
}

const server = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.on('data', (data) => {
    let answer = ''
    for (const command of parseCommands(data.toString())) {
      const luck = below(100)
      if (luck < 80) answer += rightly(command)
      else if (luck < 98) answer += random(4)
      else if (luck === 98) answer += random(4) + random(3)
    }
    if (below(60) === 0) answer += list(bulk('message'), bulk('x'), random(1))
    socket.write(answer)
    if (below(100) === 0) socket.destroy()
  })
}).listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as AddressInfo

const stores = ['redis://HERE', 'redis-sentinel://HERE/primary', 'redis-cluster://HERE'].flatMap((form) =>
  Array.from({ length: 4 }, (_, index) => {
    const url = form.replace('HERE', `127.0.0.1:${port}`)
    const store = openStore({ url, fleet: `fleet-${index}`, gateway: 'one', timeoutMs: 100 })
    store.listen(createListener())
    return store
  }),
)
let calls = 0
const until = performance.now() + RUN_MS
while (performance.now() < until) {
  const asked = stores.flatMap((store) => [
    store.roster(),
    store.exchange({ gateway: 'one', heartbeat: 'beat', cursor: '1-1', wanted: ['two'] }),
    store.snapshot(),
    store.append([{ id: 'a', body: 'b' }]),
  ])
  calls += (await Promise.allSettled(asked)).length
}
const heapMegabytes = Math.round(process.memoryUsage().heapUsed / 1e6)
process.stdout.write(JSON.stringify({ calls, uncaught, heapMegabytes }))
// The stores would try their server again for ever.
process.exit(0)
