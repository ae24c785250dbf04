import { readdirSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { emptyFolder, json, run } from './support.ts'

const cwd = emptyFolder()

describe('usage', () => {
  test('an unknown command is refused with exit 2 and the nearest name', async () => {
    const { code, stdout, stderr } = await run(['frezze'], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('Did you mean freeze?')
  })

  test('an unknown option is refused with exit 2 and the nearest name', async () => {
    const { code, stderr } = await run(['freeze', '--resaon', 'x'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('Did you mean --reason?')
  })

  test('an option without its text does not swallow the next one', async () => {
    const { code, stderr } = await run(['freeze', '--reason', '--incident', 'INC-7'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain("'--reason <text>' argument '--incident' is invalid. Its text is missing")
    expect(stderr).toContain('(see portcullis help freeze)')
  })

  test('the help has every command, and what a leak needs first', async () => {
    const { stdout } = await run(['help'], { cwd })
    const files = readdirSync(new URL('../../src/cli/commands/', import.meta.url))
    const told = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name)
    expect(told.filter((name) => name !== 'help').toSorted()).toEqual(
      files.map((file) => file.split('.')[0]).toSorted(),
    )
    expect(told.slice(0, 2)).toEqual(['status', 'watch'])
  })

  test('no command at all is exit 2 and shows the commands', async () => {
    const { code, stderr } = await run([], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('freeze')
  })

  test.each([
    ['serve'],
    ['init'],
    ['status'],
    ['freeze'],
    ['lock'],
    ['release'],
    ['approve'],
    ['sessions', 'revoke'],
    ['keygen'],
    ['impact'],
    ['doctor'],
    ['otp', 'enrol'],
    ['otp', 'list'],
    ['otp', 'remove'],
    ['certificate', 'show'],
    ['certificate', 'verify'],
    ['audit', 'verify'],
  ])('help of %s %s shows an example and --json', async (...words) => {
    const { code, stdout } = await run([...words, '--help'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain(`portcullis ${words.join(' ')}`)
    expect(stdout).toMatch(/\nExamples?:\n {2}portcullis /)
    expect(stdout).toContain('--json')
  })

  test('the version is that of the package', async () => {
    const { code, stdout } = await run(['--version'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  test('with --json a failure is one JSON document too', async () => {
    const bad = await run(['freeze', '--nonsense', '--json'], { cwd })
    expect(json(bad.stdout)).toMatchObject({ error: { exitCode: 2 } })
    const keyless = await run(['freeze', '--reason', 'x', '--json'], { cwd })
    expect(keyless.code).toBe(2)
    expect(json(keyless.stdout)).toEqual({ error: { exitCode: 2, problems: [expect.stringContaining('--key FILE')] } })
  })

  test('a token on the command line is refused, and the way to give one is told', async () => {
    const { code, stderr } = await run(['status', '--token', 'secret-token'], { cwd })
    expect(code).toBe(2)
    expect(stderr).toContain('PORTCULLIS_TOKEN')
    expect(stderr).not.toContain('secret-token')
  })

  test('an address that is no origin is refused before anything is sent', async () => {
    for (const url of ['127.0.0.1:9080', 'ftp://gateway', 'http://gateway/path', 'http://name:word@gateway']) {
      const { code, stderr } = await run(['status', '--control', url], { cwd })
      expect({ code, url }).toEqual({ code: 2, url })
      expect(stderr).toContain('is no address of a control plane')
    }
  })
})
