// What a responder sees over SSH in a terminal of 80 columns and 24 rows, on a terminal of its own.
import { spawn, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { OPEN_STATUS, startStandIn, type StandIn } from '../support/cli-control.ts'
import { emptyFolder, MAIN } from './support.ts'

const cwd = emptyFolder()
const hasTerminal = spawnSync('which', ['script']).status === 0
if (!hasTerminal) console.warn('SKIPPED: watch on a terminal needs script (Debian package bsdutils)')
const orSkip = hasTerminal ? test : test.skip

let gateway: StandIn
beforeAll(async () => {
  gateway = await startStandIn({ keys: {}, readToken: 'read-token' })
})
afterAll(() => gateway.close())

/** What is written to a terminal. */
async function written(more: Readonly<Record<string, string>> = {}): Promise<string> {
  const command = `stty rows 24 cols 80; exec ${process.execPath} ${MAIN} watch --times 1`
  const access = { PORTCULLIS_CONTROL: gateway.url, PORTCULLIS_TOKEN: 'read-token' }
  const env = { ...process.env, ...access, TERM: 'xterm', NO_COLOR: '1', ...more }
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd, env, timeout: 20_000 })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin.end()
  await new Promise((resolve) => child.on('close', resolve))
  return Buffer.concat(chunks).toString()
}

/** What stands in each row when it has been drawn: as a terminal would show it, for the sequences that watch writes. */
async function screen(): Promise<readonly string[]> {
  const drawn = (await written()).split('\x1b[H').at(-1) ?? ''
  expect(drawn).toMatch(/\x1b\[J\x1b\[\?7h/)
  return (drawn.split('\x1b[J')[0] ?? '')
    .split('\x1b[K')
    .slice(0, -1)
    .map((line) => line.replace(/^\r?\n/, '').slice(0, 80))
}

orSkip('what fits is shown whole', async () => {
  gateway.status = OPEN_STATUS
  const rows = await screen()
  expect(rows[0]).toMatch(/^OPEN {2}epoch 3/)
  expect(rows.length).toBeLessThanOrEqual(24)
  expect(rows.join('\n')).toContain('Ctrl-C leaves')
})

orSkip('of a long state the banner stays in sight, and the last row says how much is not shown', async () => {
  const locks = Array.from({ length: 30 }, (_, index) => ({
    ...{
      id: `${String(index).padStart(2, '0')}${'x'.repeat(41)}`,
      scope: { routes: ['a.read'] },
      mode: 'deny',
      source: 'order',
    },
    ...{
      since: '2026-01-02T04:00:00Z',
      onExpiry: 'stay',
      reason: 'long '.repeat(40),
      incident: 'INC-1',
      covers: ['a.read'],
    },
  }))
  const incidents = Array.from({ length: 30 }, (_, index) => ({
    ...{
      id: `INC-${30 - index}`,
      state: 'open',
      noticedAt: '2026-01-02T04:00:00Z',
      noticedFrom: 'order',
      reported: {},
    },
    ...{
      certInDue: new Date(Date.UTC(2030, 0, 30 - index)).toISOString(),
      boardDue: '2030-02-05T04:00:00Z',
      locks: [],
    },
  }))
  gateway.status = { ...OPEN_STATUS, frozen: true, locks, incidents, problems: ['locks.yaml cannot be read'] }
  const rows = await screen()
  expect(rows.length).toBe(24)
  // The nearest due first.
  expect(rows[0]).toMatch(/^INC-1: CERT-In report in /)
  expect(rows[6]).toBe('and 27 more open incidents: portcullis incident show')
  expect(rows[7]).toMatch(/^FROZEN {2}epoch 3/)
  expect(rows.at(-1)).toMatch(/^… \d\d more lines \(1 of them problems\): portcullis status shows them$/)
})

orSkip('a dumb terminal is told a line a change, as a pipe is', async () => {
  gateway.status = OPEN_STATUS
  const text = await written({ TERM: 'dumb' })
  expect(text).toMatch(/^\S+ {2}OPEN {2}epoch 3 {2}0 locks {2}/)
  expect(text).not.toContain('\x1b')
})
