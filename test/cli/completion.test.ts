import { readdirSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { complete, type Completion } from '../../src/cli/completion/complete.ts'
import { KNOWN, nameOf, SILENT } from '../../src/cli/completion/known.ts'
import { createProgram } from '../../src/cli/program.ts'
import type { Machine } from '../../src/cli/machine.ts'
import { OPEN_STATUS, startStandIn, type StandIn } from '../support/cli-control.ts'
import { missingFor, offeredByFish, typedIn, type Shell } from '../support/shells.ts'
import { deafPort, emptyFolder, keygen, run } from './support.ts'
import type { Command } from 'commander'

const cwd = emptyFolder()
const LOCK = { mode: 'deny', source: 'order', since: '2026-01-02T04:00:00Z', onExpiry: 'stay', covers: [] }
const LOCKS = ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', 'BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB'].map(
  (id, index) => ({ ...LOCK, id, scope: { routes: ['a.read'] }, reason: 'leak', incident: `INC-${index + 1}` }),
)
const INCIDENT = {
  state: 'open',
  noticedAt: '2026-01-02T04:00:00Z',
  noticedFrom: 'order',
  certInDue: '2026-01-02T10:00:00Z',
  boardDue: '2026-01-05T04:00:00Z',
  reported: {},
  locks: [],
}
let gateway: StandIn

beforeAll(async () => {
  mkdirSync(join(cwd, 'trail'))
  writeFileSync(join(cwd, 'night desk.key'), '')
  gateway = await startStandIn({ keys: {}, readToken: 'read-token' })
  gateway.status = {
    ...OPEN_STATUS,
    locks: LOCKS,
    // One name is not only a word: whoever may lock could put it onto the command line of whoever presses Tab.
    incidents: ['INC-1', 'INC-2', 'INC-$(reboot)'].map((id) => ({ ...INCIDENT, id })),
  }
})
afterAll(() => gateway.close())

const asked = (): Record<string, string> => ({ PORTCULLIS_CONTROL: gateway.url, PORTCULLIS_TOKEN: 'read-token' })

async function offered(words: readonly string[], env: Record<string, string> = asked()): Promise<string[]> {
  const { code, stdout, stderr } = await run(['__complete', '--', ...words], { cwd, env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout
    .split('\n')
    .slice(0, -2)
    .map((line) => line.split('\t', 1)[0] ?? '')
}

const byShell: Record<Shell, (line: string) => Promise<readonly string[]>> = {
  bash: async (line) => lastWords(line, await typedIn('bash', line, cwd, asked())),
  zsh: async (line) => lastWords(line, await typedIn('zsh', line, cwd, asked())),
  fish: async (line) => offeredByFish(`portcullis ${line}`, cwd, asked()),
}

/** Those that stand where the completed word stood. */
function lastWords(line: string, words: readonly string[]): readonly string[] {
  return words.slice(line.split(' ').length - 1)
}

describe.each(['bash', 'zsh', 'fish'] as const)('completion in a real %s', (shell) => {
  const orSkip = missingFor(shell).length > 0 ? test.skip : test
  const completed = byShell[shell]

  orSkip('completes a command, those below it, an option and its choices', async () => {
    expect(await completed('fre')).toEqual(['freeze'])
    expect([...(await completed('incident '))].sort()).toEqual(['close', 'help', 'open', 'report', 'reported', 'show'])
    expect(await completed('lock --mo')).toEqual(['--mode'])
    expect([...(await completed('lock --mode '))].sort()).toEqual([
      'deny',
      'observe',
      'read-only',
      'step-up',
      'throttle',
    ])
  })

  orSkip('completes a value behind = and behind a URL with colons', async () => {
    expect(await completed('lock --control http://127.0.0.1:1 --mode=re')).toEqual(['--mode=read-only'])
  })

  orSkip('completes files where a file goes, spaces and all, and folders alone where a folder goes', async () => {
    expect(await completed('serve --config night')).toEqual(['night desk.key'])
    expect((await completed('audit verify ')).map((each) => each.replace(/\/$/, ''))).toContain('trail')
    expect(await completed('audit verify night')).not.toContain('night desk.key')
  })

  orSkip('completes what the gateway knows, and only words', async () => {
    expect(await completed('release A')).toEqual([LOCKS[0]?.id])
    expect([...(await completed('incident show INC'))].sort()).toEqual(['INC-1', 'INC-2'])
  })
})

describe('what is offered', () => {
  test('every command, as the folder of commands has them', async () => {
    const commands = readdirSync(new URL('../../src/cli/commands', import.meta.url)).map((file) => file.slice(0, -3))
    expect((await offered([''])).sort()).toEqual([...commands, 'help'].sort())
  })

  test('every option, and every command below a command, as --help has them', async () => {
    const commands = await everyCommand()
    expect(commands.length).toBeGreaterThan(50)
    for (const { program, words, command } of commands) {
      const help = command.helpInformation()
      const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, long]) => long)
      const names = [...(help.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([\w-]+)/gm)].map(([, name]) => name)
      expect({ words, options: valuesOf(complete(program, words, '--')) }).toEqual({
        words,
        options: expect.arrayContaining(options),
      })
      expect({ words, names: valuesOf(complete(program, words, '')) }).toEqual({
        words,
        names: expect.arrayContaining(names),
      })
    }
  })

  test('no value of a gateway is tied to an option or argument that is no more', async () => {
    const targets = (await everyCommand()).flatMap(({ command }) => [
      ...command.options,
      ...command.registeredArguments,
    ])
    const names = new Set(targets.map(nameOf))
    expect(Object.keys(KNOWN).filter((name) => !names.has(name))).toEqual([])
  })

  test('an option that was given is not offered again, unless it may be', async () => {
    const options = await offered(['lock', '--reason', 'x', '--route', 'a.read', '--'])
    expect(options).not.toContain('--reason')
    expect(options).toContain('--route')
  })

  test('the key on the line is used to ask; its passphrase is not asked for', async () => {
    const key = await keygen(cwd, 'lead', 'commander')
    const theirs = await startStandIn({ keys: { lead: key } })
    theirs.status = { ...OPEN_STATUS, locks: LOCKS }
    const env = { PORTCULLIS_CONTROL: 'http://127.0.0.1:1' }
    const words = ['release', '--control', theirs.url, `--key=${join(cwd, 'lead.key')}`, '']
    expect(await offered(words, env)).toEqual(LOCKS.map(({ id }) => id))
    await run(['keygen', 'kept', '--passphrase'], { cwd, env: { PORTCULLIS_PASSPHRASE: 'a long passphrase' } })
    expect(await offered(['release', '--control', theirs.url, '--key', 'kept.key', ''], env)).toEqual([])
    await theirs.close()
  })

  test('nothing, silently, where no gateway answers, none is reached, or nobody is known', async () => {
    const deaf = `http://127.0.0.1:${await deafPort()}`
    expect(await offered(['release', ''], { PORTCULLIS_CONTROL: deaf, PORTCULLIS_TOKEN: 'x' })).toEqual([])
    expect(await offered(['release', ''], { PORTCULLIS_CONTROL: 'nonsense', PORTCULLIS_TOKEN: 'x' })).toEqual([])
    expect(await offered(['release', ''], { PORTCULLIS_CONTROL: gateway.url })).toEqual([])
    const mute = createServer()
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`
    // It would never answer; a command waits for 5 s.
    const begun = performance.now()
    expect(await offered(['release', ''], { PORTCULLIS_CONTROL: url, PORTCULLIS_TOKEN: 'x' })).toEqual([])
    expect(performance.now() - begun).toBeLessThan(4000)
    mute.close()
  })
})

interface Found {
  readonly program: Command
  readonly words: readonly string[]
  readonly command: Command
}

async function everyCommand(): Promise<readonly Found[]> {
  const machine = { stdout: { isTTY: false } } as unknown as Machine
  const parts = { machine, printer: SILENT, finish: () => undefined }
  const { commands } = await createProgram([], parts)
  const found = commands.map(async (each) => {
    const program = await createProgram([each.name()], parts)
    const command = program.commands.find((one) => one.name() === each.name())
    return command === undefined ? [] : below({ program, words: [each.name()], command })
  })
  return (await Promise.all(found)).flat()
}

function below({ program, words, command }: Found): readonly Found[] {
  const further = command.commands.flatMap((each) => below({ program, words: [...words, each.name()], command: each }))
  return [{ program, words, command }, ...further]
}

function valuesOf({ candidates }: Completion): readonly string[] {
  return candidates.map(({ value }) => value)
}
