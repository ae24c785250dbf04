// Requests at a fixed rate by a process of its own on the second core (open-loop.mjs).
import { execFile } from 'node:child_process'
import path from 'node:path'

export interface Latencies {
  readonly answered: number
  readonly asked: number
  readonly failures: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
}

export interface OpenLoop {
  readonly port: number
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
  readonly connections: number
  /** A file of tokens, one a line. */
  readonly tokens: string
}

export function openLoop({ port, rate, seconds, connections, tokens }: OpenLoop): Promise<Latencies> {
  const script = path.join(import.meta.dirname, 'open-loop.mjs')
  const args = [script, ...[port, rate, seconds, connections].map(String), tokens]
  return new Promise((resolve, reject) => {
    execFile('taskset', ['-c', '1', process.execPath, ...args], (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout) as Latencies)
      else reject(error)
    })
  })
}
