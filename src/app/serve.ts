// `portcullis serve`: from a config file to an exit code. Every problem is told in plain lines on standard error.
import path from 'node:path'
import { createClock } from '../adapters/node/clock.ts'
import { processEnvironment } from '../config/process-environment.ts'
import { formatProblems } from '../config/problem.ts'
import { readConfig } from '../config/read-config.ts'
import { createCleanUp } from './clean-up.ts'
import { startGateway } from './start.ts'

const EXIT = { done: 0, failed: 1, usage: 2 } as const

/** Runs the gateway until SIGTERM or SIGINT; SIGHUP reads the config anew. Resolves with the exit code (contract, 1). */
export async function serve({ configFile }: { readonly configFile: string }): Promise<number> {
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
    await nextSignal()
    // A second signal does not wait for what is in flight.
    void nextSignal().then(() => process.exit(EXIT.failed))
    return (await gateway.stop()) ? EXIT.done : EXIT.failed
  } catch (error) {
    await cleanUp.run()
    process.stderr.write(`portcullis: ${error instanceof Error ? error.message : String(error)}\n`)
    return EXIT.failed
  }
}

function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        resolve()
      })
    }
  })
}
