// portcullis seal: an envelope that the gateway's own parser takes, written once, for its owner alone.
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { createOrderVerifier } from '../../src/adapters/jose/order-verifier.ts'
import { createQrCode, qrLines } from '../../src/cli/qr-code.ts'
import { parseStatement } from '../../src/core/parse-statement.ts'
import { emptyFolder, json, keygen, run } from './support.ts'

const cwd = emptyFolder()
let key: string
beforeAll(async () => {
  key = await keygen(cwd, 'lead', 'commander')
})
const WHY = ['--reason', 'opened the <envelope>', '--incident', 'ENV-1', '--key', 'lead.key']
const seal = (...args: readonly string[]) => run(['seal', ...args], { cwd })

describe('seal', () => {
  test('writes an order that freezes, signed by the key, good for as long as was said', async () => {
    const { code, stdout } = await seal('one', ...WHY, '--valid-for', '90d', '--fleet', 'cowin-prod', '--json')
    expect(code).toBe(0)
    const { id, file } = json(stdout)
    const jws = readFileSync(join(cwd, String(file)), 'utf8').trim()
    const responders = [{ name: 'lead', role: 'commander' as const, key }]
    const verified = await createOrderVerifier().verify(jws, 'portcullis-order+jwt', responders)
    if ('refused' in verified) throw new Error(verified.detail)
    expect(verified.id).toBe(id)
    const statement = parseStatement(verified.payload)
    expect(statement).toMatchObject({
      iss: 'lead',
      sealed: true,
      order: { kind: 'lock', scope: { all: true }, mode: 'deny', reason: 'opened the <envelope>', incident: 'ENV-1' },
    })
    if ('problems' in statement) throw new Error(statement.problems.join())
    expect((statement.exp ?? 0) - (statement.nbf ?? 0)).toBe(90 * 86_400)
    expect(verified.payload).toMatchObject({ aud: 'cowin-prod' })
    expect(statSync(join(cwd, 'one.jws')).mode & 0o777).toBe(0o600)
    expect(statSync(join(cwd, 'one.html')).mode & 0o777).toBe(0o600)
  })

  test('the page has the text and the code, escapes what was typed, and asks the network for nothing', async () => {
    await seal('two', ...WHY, '--valid-for', '1d')
    const page = readFileSync(join(cwd, 'two.html'), 'utf8')
    const jws = readFileSync(join(cwd, 'two.jws'), 'utf8').trim()
    expect(page).toContain(`<pre>${jws}</pre>`)
    expect(page).toContain('opened the &lt;envelope&gt;')
    expect(page).not.toMatch(/<script|src=|href=|url\(|@import|onload/)
    expect(page).toMatch(/<svg [^>]*viewBox="0 0 \d+ \d+"/)
  })

  test('never overwrites an envelope', async () => {
    await seal('three', ...WHY, '--valid-for', '1d')
    const before = readFileSync(join(cwd, 'three.jws'), 'utf8')
    const { code, stderr } = await seal('three', ...WHY, '--valid-for', '1d')
    expect([code, stderr]).toEqual([1, expect.stringContaining('never overwritten')])
    expect(readFileSync(join(cwd, 'three.jws'), 'utf8')).toBe(before)
  })

  test.each([
    ['no time', []],
    ['a time that nobody remembers', ['--valid-for', '401d']],
    ['a time that is none', ['--valid-for', 'long']],
    ['a name that leaves the folder', ['../x', '--valid-for', '1d']],
    ['a start that is no time', ['--valid-for', '1d', '--from', 'tomorrow']],
  ])('%s is refused', async (_name, args) => {
    expect((await seal(...args, ...WHY)).code).toBe(2)
  })

  test('a reason and an incident are asked for, since nobody can be asked at 3 a.m.', async () => {
    const { code, stderr } = await seal('--valid-for', '1d', '--key', 'lead.key')
    expect(code).toBe(2)
    expect(stderr).toContain('--reason is required')
    expect(stderr).toContain('--incident is required')
  })
})

describe('the code', () => {
  test('is that of the text, with a quiet zone: the same modules as before a change of the library', async () => {
    const code = await createQrCode('portcullis')
    const lines = qrLines(code)
    expect([code.size, lines.length]).toEqual([21, 15])
    expect(lines[0]).toBe('█'.repeat(29))
    const modules = Array.from({ length: 21 }, (_, row) =>
      Array.from({ length: 21 }, (_column, column) => (code.isDark(row, column) ? '1' : '0')).join(''),
    )
    // The finder patterns stand in three corners.
    for (const [row, column] of [
      [0, 0],
      [0, 14],
      [14, 0],
    ] as const)
      expect(modules.slice(row, row + 7).map((each) => each.slice(column, column + 7))).toEqual([
        '1111111',
        '1000001',
        '1011101',
        '1011101',
        '1011101',
        '1000001',
        '1111111',
      ])
    expect(createHash('sha256').update(modules.join('\n')).digest('hex')).toBe(MODULES)
  })
})

const MODULES = 'c55671745ea2d3b996c3ceb64817ece0d4e1a13447a5c8f85923c4da0ac6b750'
