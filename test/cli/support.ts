// Runs the real command line as a child, in an empty folder, without the environment of whoever runs the tests.
import { spawn } from 'node:child_process'
import { mkdtempSync, realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

export function emptyFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-cli-')))
}

export async function run(args: readonly string[], { cwd, env = {}, input = '' }: RunOptions): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { TZ: 'UTC', ...env }, timeout: 20_000 })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }
}

/** Makes a key with the command line itself; resolves with the public half. */
export async function keygen(cwd: string, name: string, role = 'responder'): Promise<string> {
  const { code, stdout, stderr } = await run(['keygen', name, '--role', role, '--json'], { cwd })
  if (code !== 0) throw new Error(stderr)
  return String(json(stdout).key)
}

export function json(text: string): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>
}

/** A port on which nothing listens. */
export async function deafPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
