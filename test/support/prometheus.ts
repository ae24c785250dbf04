// A real Prometheus on a free port with a directory of its own, scraping one target each second; stopped by its process id.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './free-port.ts'

/** Where Debian's package `prometheus` puts them. */
const PROMETHEUS = '/usr/bin/prometheus'
export const PROMTOOL = '/usr/bin/promtool'

/** The programs that are absent; the tests that need them say so and skip. */
export function missingPrograms(): readonly string[] {
  return [PROMETHEUS, PROMTOOL].filter((program) => !existsSync(program))
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Prometheus {
  /** An instant query. Throws an Error with what Prometheus said where the expression is wrong. */
  query(expression: string): Promise<readonly Sample[]>
  /** Queries until `isEnough` holds, at most for `limitMs`; resolves with the last answer, enough or not. */
  queryUntil(
    expression: string,
    isEnough: (samples: readonly Sample[]) => boolean,
    limitMs: number,
  ): Promise<readonly Sample[]>
  stop(): Promise<void>
}

/** `target` is `host:port`; its metrics stand at /metrics. */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-prometheus-'))
  const port = await freePort()
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: portcullis, static_configs: [{ targets: ['${target}'] }] }]\n`,
  )
  const child = spawn(
    PROMETHEUS,
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const base = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    await end(child)
    rmSync(directory, { recursive: true, force: true })
  }
  if (!(await isReady(base, child))) {
    await stop()
    throw new Error(`Prometheus did not start: ${complaint}`)
  }
  const query = (expression: string): Promise<readonly Sample[]> => ask(base, expression)
  return {
    query,
    queryUntil: async (expression, isEnough, limitMs) => {
      const until = performance.now() + limitMs
      for (;;) {
        const samples = await query(expression)
        if (isEnough(samples) || performance.now() > until) return samples
        await wait(100)
      }
    },
    stop,
  }
}

async function ask(base: string, expression: string): Promise<readonly Sample[]> {
  const response = await fetch(`${base}/api/v1/query`, {
    method: 'POST',
    body: new URLSearchParams({ query: expression }),
  })
  const answer = (await response.json()) as {
    readonly error?: string
    readonly data?: {
      readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[]
    }
  }
  if (answer.data === undefined) throw new Error(`${expression}: ${answer.error ?? response.status}`)
  return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
}

async function isReady(base: string, child: ChildProcess): Promise<boolean> {
  const until = performance.now() + 20_000
  while (child.exitCode === null && performance.now() < until) {
    const isUp = await fetch(`${base}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isUp) return true
    await wait(50)
  }
  return false
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGTERM')
  const patience = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await gone
  clearTimeout(patience)
}
