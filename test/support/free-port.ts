// A port for a process that is started later: nobody else may be given it in between.
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below them all the kernel gives none to who asks for any port, and none to a call that goes out. */
const FIRST = 10_000
const SHARE = 1_000
/** Of each process that runs test files, one after the other. */
const first = FIRST + (Number(process.env.JEST_WORKER_ID ?? 0) % 20) * SHARE
let next = randomInt(SHARE)

/** Never the same twice in one test file. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + (next++ % SHARE)
    const server = createServer().listen(port, '127.0.0.1')
    try {
      await once(server, 'listening')
    } catch {
      continue
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
