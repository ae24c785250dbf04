import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'
import { createYamlStream, yamlText } from '../../src/cli/yaml-text.ts'
import { OPEN_STATUS, startStandIn, type StandIn } from '../support/cli-control.ts'
import { emptyFolder, json, run, type Outcome } from './support.ts'

const cwd = emptyFolder()
// ESC, DEL, a C1 control, a bidi override and a tag beyond the basic plane: what a terminal would obey, or an eye would miss.
const HOSTILE = 'leak\x1b[2J\x7f\x9b1m\u202e\u{e0041} seen\nOPEN: true'
let gateway: StandIn

beforeAll(async () => {
  gateway = await startStandIn({ keys: {}, readToken: 'read-token' })
  gateway.status = {
    ...OPEN_STATUS,
    problems: [HOSTILE, 'no', '1:30', '2026-01-02', '', '- x: y', 'line one\nline two\n'],
  }
})
afterAll(() => gateway.close())

const status = async (...flags: readonly string[]): Promise<Outcome> =>
  run(['status', ...flags], { cwd, env: { PORTCULLIS_CONTROL: gateway.url, PORTCULLIS_TOKEN: 'read-token' } })

describe('-o, --output', () => {
  test('yaml says what --json says', async () => {
    const [asJson, asYaml, joined] = [await status('--json'), await status('-o', 'yaml'), await status('--output=yaml')]
    expect(asYaml.code).toBe(0)
    expect(asYaml.stdout).toMatch(/^control: http:\/\/127.0.0.1:\d+\nepoch: 3\nfrozen: false\n/)
    expect(parse(asYaml.stdout)).toEqual(json(asJson.stdout))
    expect(joined.stdout).toBe(asYaml.stdout)
    expect((await status('-o=yaml')).stdout).toBe(asYaml.stdout)
  })

  test('json is --json, text is neither', async () => {
    const asJson = await status('--json')
    expect((await status('-o', 'json')).stdout).toBe(asJson.stdout)
    expect((await status('-o', 'json', '--json')).stdout).toBe(asJson.stdout)
    expect((await status('-o', 'text')).stdout).toBe((await status()).stdout)
  })

  test('every command that has --json has it, those below a command too', async () => {
    for (const words of [
      ['status'],
      ['freeze'],
      ['serve'],
      ['audit', 'search'],
      ['audit', 'verify'],
      ['anomalies', 'list'],
    ]) {
      const { stdout } = await run([...words, '--help'], { cwd })
      expect({ words, stdout }).toEqual({ words, stdout: expect.stringContaining('-o, --output <format>') })
    }
    const { stdout } = await run(['anomalies', '--help'], { cwd })
    expect(stdout).not.toContain('--output')
  })

  test('a failure is told in it too, whether the line could be read or not', async () => {
    const unread = await run(['status', '--nonsense', '-o', 'yaml'], { cwd })
    expect(unread.code).toBe(2)
    expect(parse(unread.stdout)).toMatchObject({ error: { exitCode: 2 } })
    const keyless = await run(['status', '--control', gateway.url, '-oyaml'], { cwd })
    expect(parse(keyless.stdout)).toEqual({ error: { exitCode: 2, problems: [expect.stringContaining('read token')] } })
    expect(json((await run(['keygen', '-o', 'json'], { cwd })).stdout)).toMatchObject({ error: { exitCode: 2 } })
  })

  test('a format that there is not, or two of them, are exit 2 and say what there is', async () => {
    const strange = await status('-o', 'xml')
    expect(strange.code).toBe(2)
    expect(strange.stderr).toContain('Allowed choices are text, json, yaml')
    const both = await status('--json', '-o', 'yaml')
    expect(both.code).toBe(2)
    expect(both.stderr).toContain('--json and --output yaml ask for two formats')
  })

  test('one answer after another is one stream of documents', async () => {
    const looks = await run(['watch', '--times', '1', '-o', 'yaml'], {
      cwd,
      env: { PORTCULLIS_CONTROL: gateway.url, PORTCULLIS_TOKEN: 'read-token' },
    })
    expect(parse(looks.stdout)).toMatchObject({ epoch: 3, locks: 0 })
    const write = createYamlStream()
    const text = [{ epoch: 1 }, { epoch: 2 }, 'x\n', { epoch: 3 }].map((each) => `${write(each)}\n`).join('')
    expect(parseAllDocuments(text).map((each) => each.toJS() as unknown)).toEqual([
      { epoch: 1 },
      { epoch: 2 },
      'x\n',
      { epoch: 3 },
    ])
  })
})

describe('YAML', () => {
  test('shows nothing that a terminal obeys or an eye misses, in keys as in values, and loses nothing', () => {
    const value = { [HOSTILE]: HOSTILE, list: [HOSTILE, 'only \u202e here'], 'a\u200bb': 1 }
    const written = yamlText(value)
    expect(written.replaceAll('\n', '')).toMatch(/^[\x20-\x7e]*$/)
    expect(written).not.toMatch(/^\s*OPEN: true/m)
    expect(parse(written)).toEqual(value)
  })

  test('means the same to a reader of YAML 1.1', () => {
    const value = {
      answers: ['no', 'on', 'y', 'NULL', '~', '1:30', '0o17', '017', '1_000', '2026-01-02', '=', '<<', '.5', '', ' x '],
    }
    expect(parse(yamlText(value), { version: '1.1' })).toEqual(value)
    expect(parse(yamlText(value))).toEqual(value)
  })

  test('repeats what stands twice, and leaves out what JSON leaves out', () => {
    const twice = { id: 1, none: undefined }
    expect(yamlText({ a: twice, b: twice })).toBe('a:\n  id: 1\nb:\n  id: 1')
  })
})
