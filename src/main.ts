#!/usr/bin/env node
// The process entry: hands the machine to the command line, and nothing else.
import { randomUUID } from 'node:crypto'
import { runCli } from './cli/run-cli.ts'
import { processEnvironment } from './config/process-environment.ts'

process.exitCode = await runCli(process.argv.slice(2), {
  serve: async (options) => (await import('./app/serve.ts')).serve(options),
  recover: async (options) => (await import('./app/recover.ts')).recover(options),
  forensics: () => import('./app/forensics.ts'),
  witness: async (options) => (await import('./app/witness.ts')).runWitness(options),
  authenticators: () => import('./app/authenticators.ts'),
  env: processEnvironment(),
  // eslint-disable-next-line no-restricted-syntax -- a client command starts without the adapters, for speed; its clock comes in here
  now: () => Date.now(),
  uniqueId: randomUUID,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
})
