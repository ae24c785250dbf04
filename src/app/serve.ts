// `portcullis serve`: from a config file to an exit code. Every problem is told in plain lines on standard error.
import path from 'node:path'
import { createClock } from '../adapters/node/clock.ts'
import { tuneCollector } from '../adapters/node/collector.ts'
import { processEnvironment } from '../config/process-environment.ts'
import { formatProblems } from '../config/problem.ts'
import { readConfig } from '../config/read-config.ts'
import type { Clock } from '../ports/clock.ts'
import { createCleanUp } from './clean-up.ts'
import { startGateway } from './start.ts'

const EXIT = { done: 0, failed: 1, usage: 2 } as const

/** Runs the gateway until SIGTERM or SIGINT; SIGHUP reads the config anew. Resolves with the exit code (contract, 1). */
export async function serve({ configFile }: { readonly configFile: string }): Promise<number> {
  tuneCollector()
  const clock = createClock()
  const env = processEnvironment()
  const read = await readConfig(path.resolve(configFile), env, clock.now())
  if ('problems' in read) {
    process.stderr.write(`${formatProblems(read.problems, configFile)}\n`)
    return EXIT.usage
  }
  const cleanUp = createCleanUp()
  try {
    const gateway = await startGateway({ config: read.config, env, clock, cleanUp })
    process.on('SIGHUP', gateway.reload)
    const { first, again } = stopSignals(clock)
    await first
    // Asked a second time, it does not wait for what is in flight.
    void again.then(() => process.exit(EXIT.failed))
    return (await gateway.stop()) ? EXIT.done : EXIT.failed
  } catch (error) {
    await cleanUp.run()
    process.stderr.write(`portcullis: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.failed
  }
}

/** Ctrl-C comes to all of a terminal's process group, and npm and others pass it on: within this time it is one wish. */
const ONE_WISH_MS = 1000

function stopSignals(clock: Clock): Readonly<Record<'first' | 'again', Promise<void>>> {
  const [first, again] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  let since: number | undefined
  const hear = (): void => {
    since ??= clock.monotonicMs()
    first.resolve(undefined)
    if (clock.monotonicMs() - since >= ONE_WISH_MS) again.resolve(undefined)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, hear)
  return { first: first.promise, again: again.promise }
}
