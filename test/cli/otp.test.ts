// portcullis otp: who has an authenticator, as files and as what a gateway takes.
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { Secret, URI } from 'otpauth'
import { createTotp, openAuthenticators } from '../../src/adapters/otpauth/authenticators.ts'
import { SAMPLE } from '../config/sample.ts'
import { emptyFolder, json, run, type Outcome } from './support.ts'

const NOW = 1_790_000_010_000

function inFolder(): { readonly cwd: string; readonly file: string; otp(...args: string[]): Promise<Outcome> } {
  const cwd = emptyFolder()
  return { cwd, file: join(cwd, 'totp.json'), otp: (...args) => run(['otp', ...args], { cwd }) }
}

describe('enrol', () => {
  test('what a phone scans is what the gateway takes; a gateway that runs knows it at once', async () => {
    const { file, otp } = inFolder()
    expect((await otp('enrol', 'asha', '--file', 'totp.json')).code).toBe(0)
    const gateway = openAuthenticators(file)
    const { code, stdout, stderr } = await otp('enrol', 'ravi', '--file', 'totp.json', '--issuer', 'Registry')
    expect(code).toBe(0)
    expect(stdout).toContain('█')
    expect(stderr).toContain('it is not shown again')
    const uri = /^otpauth:\S+$/m.exec(stdout)?.[0] ?? ''
    const totp = URI.parse(uri)
    expect([totp.issuer, totp.label, totp.secret.bytes.length]).toEqual(['Registry', 'ravi', 20])
    const shown = createTotp(totp.secret).generate({ timestamp: NOW })
    expect(gateway.stepOf('ravi', shown, NOW)).toBe(Math.floor(NOW / 30_000))
    expect(gateway.stepOf('asha', shown, NOW)).toBeUndefined()
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('by the config: its file, and the host of its issuer on the phone', async () => {
    const { cwd, otp } = inFolder()
    writeFileSync(
      join(cwd, 'portcullis.yaml'),
      `${SAMPLE}\notp: { issuer: "https://gate.example.in", audience: registry, totp: { file: ./keys.json } }\n`,
    )
    const { code, stdout, stderr } = await otp('enrol', 'asha', '--config', 'portcullis.yaml', '--json')
    expect([code, stderr]).toEqual([0, ''])
    const answer = json(stdout)
    expect(answer).toEqual({ account: 'asha', file: join(cwd, 'keys.json'), replaced: false, uri: expect.any(String) })
    expect(URI.parse(String(answer.uri)).issuer).toBe('gate.example.in')
    expect(json((await otp('list', '--config', 'portcullis.yaml', '--json')).stdout)).toEqual({
      file: join(cwd, 'keys.json'),
      accounts: ['asha'],
    })
  })

  test('one that is there keeps its secret unless --replace says otherwise; the others keep theirs', async () => {
    const { file, otp } = inFolder()
    const secrets = () =>
      (JSON.parse(readFileSync(file, 'utf8')) as { accounts: Record<string, { secret: string }> }).accounts
    await otp('enrol', 'asha', '--file', 'totp.json')
    await otp('enrol', 'ravi', '--file', 'totp.json')
    const before = secrets()
    const again = await otp('enrol', 'asha', '--file', 'totp.json')
    expect([again.code, again.stderr, secrets()]).toEqual([1, expect.stringContaining('--replace'), before])
    expect((await otp('enrol', 'asha', '--file', 'totp.json', '--replace')).code).toBe(0)
    expect(secrets().ravi).toEqual(before.ravi)
    expect(secrets().asha).not.toEqual(before.asha)
  })

  test('two at once: both are in it, or one is told', async () => {
    const { file, otp } = inFolder()
    const names = ['a', 'b', 'c', 'd']
    const outcomes = await Promise.all(names.map((name) => otp('enrol', name, '--file', 'totp.json')))
    const done = names.filter((_, n) => outcomes[n]?.code === 0)
    expect(Object.keys((JSON.parse(readFileSync(file, 'utf8')) as { accounts: object }).accounts).sort()).toEqual(done)
    for (const { code, stderr } of outcomes) if (code !== 0) expect(stderr).toContain('somebody else changes')
  })
})

describe('remove', () => {
  test('takes one away and leaves the others', async () => {
    const { file, otp } = inFolder()
    const secret = new Secret({ size: 20 })
    const accounts = { asha: { secret: secret.base32 }, ravi: { secret: secret.base32 } }
    writeFileSync(file, JSON.stringify({ accounts }), { mode: 0o600 })
    const gateway = openAuthenticators(file)
    const shown = createTotp(secret).generate({ timestamp: NOW })
    expect(gateway.stepOf('asha', shown, NOW)).toBeDefined()
    const { code, stderr } = await otp('remove', 'asha', '--file', 'totp.json')
    expect([code, stderr]).toEqual([0, expect.stringContaining('sessions revoke')])
    expect([gateway.stepOf('asha', shown, NOW), gateway.stepOf('ravi', shown, NOW)]).toEqual([
      undefined,
      Math.floor(NOW / 30_000),
    ])
    expect((await otp('list', '--file', 'totp.json')).stdout).toBe('ravi\n')
    const absent = await otp('remove', 'asha', '--file', 'totp.json')
    expect([absent.code, absent.stderr]).toEqual([1, expect.stringContaining('there is no asha')])
  })
})

describe('what is no good is told, and nothing is changed', () => {
  test.each([
    [['enrol', 'a b', '--file', 'totp.json'], 2, /is no name for an account/],
    [['enrol', '__proto__', '--file', 'totp.json'], 2, /is no name for an account/],
    [['enrol', 'asha'], 2, /--config FILE, or --file FILE/],
    [['enrol', 'asha', '--file', 'x', '--config', 'y'], 2, /one of the two/],
    [['enrol', 'asha', '--config', 'absent.yaml'], 2, /absent\.yaml.*does not exist/],
    [['enrol', 'asha', '--file', 'nowhere/totp.json'], 1, /nowhere\/totp\.json: cannot be written/],
    [['enrol', 'asha', '--file', 'totp.json', '--issuer', 'a:b'], 2, /without a colon/],
    [['list', '--file', 'totp.json'], 1, /cannot be read/],
  ] as const)('%j', async (args, wanted, message) => {
    const { code, stdout, stderr } = await inFolder().otp(...args)
    expect([code, stdout, stderr]).toEqual([wanted, '', expect.stringMatching(message)])
  })

  test('a config without accounts says what is missing', async () => {
    const { cwd, otp } = inFolder()
    writeFileSync(join(cwd, 'portcullis.yaml'), SAMPLE)
    const { code, stderr } = await otp('list', '--config', 'portcullis.yaml')
    expect([code, stderr]).toEqual([2, expect.stringContaining('otp: { totp: { file: ./totp.json } }')])
  })

  test('a file that others can read, or that is broken, is left as it is', async () => {
    const { file, otp } = inFolder()
    for (const [text, mode, message] of [
      ['{"accounts":{}}', 0o644, 'chmod 600'],
      ['{"accounts":', 0o600, 'is not { "accounts"'],
    ] as const) {
      writeFileSync(file, text)
      chmodSync(file, mode)
      const { code, stderr } = await otp('enrol', 'asha', '--file', 'totp.json')
      expect([code, stderr, readFileSync(file, 'utf8')]).toEqual([1, expect.stringContaining(message), text])
    }
  })
})
