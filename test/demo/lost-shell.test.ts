// `npm start` and `npm test` run under a shell of npm's, which passes no signal on.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { eventually } from '../support/gateway-process.ts'

const setup = path.resolve(import.meta.dirname, '../../scripts/setup.mjs')
const program = 'console.log(process.pid); setInterval(() => {}, 1000)'
const runner = `import(process.argv[1]).then((setup) => setup.become(process.execPath, ['-e', ${JSON.stringify(program)}]))`

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('what was started ends when the shell of npm has been killed', async () => {
  const line = '"$NODE" -e "$RUNNER" "$SETUP"; true'
  const env = { ...process.env, NODE: process.execPath, RUNNER: runner, SETUP: setup, npm_lifecycle_event: 'start' }
  const shell = spawn('sh', ['-c', line], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [text] = (await once(shell.stdout, 'data')) as [Buffer]
  const pid = Number(text.toString())
  try {
    expect(isAlive(pid)).toBe(true)
    shell.kill('SIGTERM')
    expect(await eventually(async () => !isAlive(pid), 10_000)).toBe(true)
  } finally {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  }
})
