import { PassThrough } from 'node:stream'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Secret } from 'otpauth'
import { createTotp } from '../../src/adapters/otpauth/authenticators.ts'
import type { Machine } from '../../src/cli/machine.ts'
import { runCli } from '../../src/cli/run-cli.ts'
import { OPEN_STATUS, pseudonym, startStandIn, type StandIn } from '../support/cli-control.ts'
import { emptyFolder, keygen } from './support.ts'

const cwd = emptyFolder()
let keys: Record<string, string>
let control: StandIn

beforeAll(async () => {
  keys = { lead: await keygen(cwd, 'lead', 'commander') }
})
beforeEach(async () => {
  control = await startStandIn({ keys })
})
afterEach(() => control.close())

interface Terminal {
  readonly shown: () => string
  readonly code: Promise<number>
  /** Types a line once the text has been shown. */
  readonly typeAfter: (text: string, line: string) => Promise<void>
}

/** The command line with somebody at the terminal. */
function sitDown(args: readonly string[]): Terminal {
  const stream = (): PassThrough & { isTTY: true; columns: number; rows: number } =>
    Object.assign(new PassThrough(), { isTTY: true as const, columns: 100, rows: 24 })
  const [stdin, stdout, stderr] = [stream(), stream(), stream()]
  let shown = ''
  for (const each of [stdout, stderr]) each.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  const machine: Machine = {
    serve: async () => 0,
    recover: async () => ({ problems: [] }),
    forensics: () => Promise.reject(new Error('no forensics here')),
    witness: async () => [],
    authenticators: () => import('../../src/app/authenticators.ts'),
    env: { PORTCULLIS_CONTROL: control.url, PORTCULLIS_KEY: join(cwd, 'lead.key') },
    now: () => Date.UTC(2026, 0, 2, 4, 30),
    uniqueId: () => 'unique',
    stdin,
    stdout,
    stderr,
  }
  const code = runCli(args, machine)
  const typeAfter = async (text: string, line: string): Promise<void> => {
    while (!shown.includes(text)) await new Promise((resolve) => setImmediate(resolve))
    stdin.write(`${line}\r`)
  }
  return { shown: () => shown, code, typeAfter }
}

describe('at a terminal', () => {
  test('otp enrol asks for a code of the phone, and writes nothing before it has one', async () => {
    const file = join(emptyFolder(), 'totp.json')
    const secretIn = (shown: string): Secret =>
      Secret.fromBase32(/otpauth:\/\/\S*secret=([A-Z2-7]+)/.exec(shown)?.[1] ?? '')
    const lost = sitDown(['otp', 'enrol', 'asha', '--file', file])
    for (const told of ['The code', 'not it', 'not it']) await lost.typeAfter(told, '12345')
    expect(await lost.code).toBe(1)
    expect(lost.shown()).toContain('was not changed')
    expect(existsSync(file)).toBe(false)

    const nowhere = sitDown(['otp', 'enrol', 'asha', '--file', join(cwd, 'nowhere', 'totp.json')])
    expect(await nowhere.code).toBe(1)
    expect(nowhere.shown()).not.toContain('otpauth:')

    const found = sitDown(['otp', 'enrol', 'asha', '--file', file])
    await found.typeAfter('The code', '000 00')
    const code = (): string => createTotp(secretIn(found.shown())).generate({ timestamp: Date.UTC(2026, 0, 2, 4, 30) })
    await found.typeAfter('not it', code())
    expect(await found.code).toBe(0)
    expect(readFileSync(file, 'utf8')).toContain(secretIn(found.shown()).base32)
  })

  test('keygen --passphrase asks twice, shows nothing of it, and the key asks for it when it signs', async () => {
    const dir = emptyFolder()
    const made = sitDown(['keygen', 'desk', '--passphrase', '--out', dir])
    await made.typeAfter('New passphrase: ', 'correct horse battery')
    await made.typeAfter('The same again: ', 'correct horse battery')
    expect(await made.code).toBe(0)
    expect(made.shown()).not.toContain('horse')
    const args = ['seal', '--reason', 'x', '--incident', 'x', '--valid-for', '1d', '--key', join(dir, 'desk.key')]
    const wrong = sitDown([...args, '--out', dir])
    await wrong.typeAfter('Passphrase of', 'something else')
    expect(await wrong.code).toBe(2)
    const right = sitDown([...args, '--out', dir])
    await right.typeAfter('Passphrase of', 'correct horse battery')
    expect(await right.code).toBe(0)
    const differ = sitDown(['keygen', 'other', '--passphrase', '--out', dir])
    await differ.typeAfter('New passphrase: ', 'correct horse battery')
    await differ.typeAfter('The same again: ', 'correct horse batterx')
    expect(await differ.code).toBe(2)
    expect(differ.shown()).toContain('the two passphrases differ')
  })

  test('freeze without flags asks why and then for the word, and names the incident by the time', async () => {
    const terminal = sitDown(['freeze'])
    await terminal.typeAfter('Why?', 'records for sale')
    await terminal.typeAfter('Type FREEZE', 'freeze')
    expect(await terminal.code).toBe(0)
    expect(terminal.shown()).toContain(`Lock EVERYTHING at ${control.url}`)
    expect(control.orders[0]?.order).toMatchObject({
      scope: { all: true },
      reason: 'records for sale',
      incident: 'INC-20260102T043000Z',
    })
  })

  test('freeze with a reason does not ask', async () => {
    const terminal = sitDown(['freeze', '--reason', 'leak'])
    expect(await terminal.code).toBe(0)
    expect(control.orders).toHaveLength(1)
  })

  test.each([
    ['no reason', [['Why?', '']]],
    [
      'another word',
      [
        ['Why?', 'leak'],
        ['Type FREEZE', 'yes'],
      ],
    ],
    ['Ctrl-C', [['Why?', '\x03']]],
    ['the end of input', [['Why?', '\x04']]],
  ])('%s: nothing is sent', async (_name, dialogue) => {
    const terminal = sitDown(['freeze'])
    for (const [text = '', line = ''] of dialogue) await terminal.typeAfter(text, line)
    expect(await terminal.code).toBe(1)
    expect(terminal.shown()).toContain('nothing was sent')
    expect(control.requests).toEqual([])
  })

  test('identifiers are asked for without being shown', async () => {
    const terminal = sitDown(['lock', '--subject', '--reason', 'x'])
    await terminal.typeAfter('not shown', '9999900001')
    await terminal.typeAfter('next', '')
    expect(await terminal.code).toBe(0)
    expect(control.orders[0]?.order.scope).toEqual({ subjects: [pseudonym('subject', '9999900001')] })
    expect(terminal.shown()).not.toContain('99999')
  })

  test('approve asks after it has shown what it opens; anything but yes leaves it locked', async () => {
    const release = {
      id: 'R'.repeat(43),
      locks: [],
      reason: 'mended',
      since: '2026-01-02T04:29:00.000Z',
      kind: 'release',
      approvals: ['night-desk'],
      required: 2,
    }
    control.status = { ...OPEN_STATUS, pendingReleases: [release] }
    const no = sitDown(['approve', release.id])
    await no.typeAfter('[y/N]', '')
    expect(await no.code).toBe(1)
    expect(control.orders).toEqual([])
    const yes = sitDown(['approve', release.id])
    await yes.typeAfter('[y/N]', 'y')
    expect(await yes.code).toBe(0)
    expect(control.orders).toHaveLength(1)
  })

  test('the state has color, unless NO_COLOR or a dumb terminal says no', async () => {
    const terminal = sitDown(['freeze', '--reason', 'leak'])
    await terminal.code
    expect(terminal.shown()).toContain('\x1b[1;31mFROZEN\x1b[0m')
  })
})
