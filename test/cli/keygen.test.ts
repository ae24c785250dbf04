import { createPrivateKey, createPublicKey } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { emptyFolder, json, run } from './support.ts'

describe('keygen', () => {
  test('writes the private key for its owner alone and prints the public half as a line of the config', async () => {
    const cwd = emptyFolder()
    const { code, stdout } = await run(['keygen', 'night-desk'], { cwd })
    expect(code).toBe(0)
    const file = join(cwd, 'night-desk.key')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const { x } = createPublicKey(createPrivateKey(readFileSync(file))).export({ format: 'jwk' })
    expect(stdout).toBe(`- { name: night-desk, role: responder, key: "${x}" }\n`)
  })

  test('never overwrites a key', async () => {
    const cwd = emptyFolder()
    writeFileSync(join(cwd, 'lead.key'), 'precious')
    const { code, stderr } = await run(['keygen', 'lead'], { cwd })
    expect(code).toBe(1)
    expect(stderr).toContain('never overwritten')
    expect(readFileSync(join(cwd, 'lead.key'), 'utf8')).toBe('precious')
  })

  test('refuses names that would leave the folder or break the config, and unknown roles', async () => {
    const cwd = emptyFolder()
    for (const args of [
      ['keygen', '../x'],
      ['keygen', 'a"b'],
      ['keygen', ''],
      ['keygen', 'x', '--role', 'admin'],
    ]) {
      expect((await run(args, { cwd })).code).toBe(2)
    }
    expect(readdirSync(cwd)).toEqual([])
  })

  test('says which folder is missing', async () => {
    const cwd = emptyFolder()
    const { code, stderr } = await run(['keygen', 'lead', '--out', 'nowhere'], { cwd })
    expect(code).toBe(1)
    expect(stderr).toContain('nowhere/lead.key: there is no such file')
  })

  test('--json has stable fields', async () => {
    const cwd = emptyFolder()
    const { stdout } = await run(['keygen', 'lead', '--role', 'commander', '--json'], { cwd })
    expect(json(stdout)).toEqual({
      name: 'lead',
      role: 'commander',
      key: expect.stringMatching(/^[\w-]{43}$/),
      file: 'lead.key',
    })
  })

  test('--passphrase puts the key under one, as OpenSSL and everybody else reads it', async () => {
    const cwd = emptyFolder()
    const env = { PORTCULLIS_PASSPHRASE: 'correct horse battery' }
    const { stdout } = await run(['keygen', 'lead', '--passphrase', '--json'], { cwd, env })
    const pem = readFileSync(join(cwd, 'lead.key'), 'utf8')
    expect(pem).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/)
    expect(() => createPrivateKey(pem)).toThrow()
    expect(() => createPrivateKey({ key: pem, passphrase: 'correct horse batterx' })).toThrow()
    const opened = createPrivateKey({ key: pem, passphrase: env.PORTCULLIS_PASSPHRASE })
    expect(createPublicKey(opened).export({ format: 'jwk' }).x).toBe(json(stdout).key)
    // scrypt (RFC 7914), not the 2,048 rounds of PBKDF2 that Node would write.
    expect(Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64').toString('hex')).toContain('2b06010401da47040b')
  })

  test('a passphrase that is too short, or that nobody can be asked for, writes no key', async () => {
    const cwd = emptyFolder()
    const short = await run(['keygen', 'lead', '--passphrase'], { cwd, env: { PORTCULLIS_PASSPHRASE: 'short' } })
    expect([short.code, short.stderr]).toEqual([2, expect.stringContaining('at least 12')])
    const nobody = await run(['keygen', 'lead', '--passphrase'], { cwd })
    expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining('PORTCULLIS_PASSPHRASE')])
    expect(readdirSync(cwd)).toEqual([])
  })

  test('a key under a passphrase signs where it is given, and says what is wrong where it is not', async () => {
    const cwd = emptyFolder()
    const env = { PORTCULLIS_PASSPHRASE: 'correct horse battery' }
    await run(['keygen', 'lead', '--passphrase'], { cwd, env })
    const seal = ['seal', '--reason', 'x', '--incident', 'x', '--valid-for', '1d', '--key', 'lead.key']
    expect((await run(seal, { cwd })).stderr).toContain('nobody can be asked')
    const wrong = await run(seal, { cwd, env: { PORTCULLIS_PASSPHRASE: 'another passphrase' } })
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('does not open this key')])
    expect((await run(seal, { cwd, env })).code).toBe(0)
  })

  test('NAME#ID makes one more key, and prints the line by which it is enrolled', async () => {
    const cwd = emptyFolder()
    const { stdout } = await run(['keygen', 'lead#2027', '--role', 'commander'], { cwd })
    expect(stdout).toMatch(
      /^portcullis enrol lead --key-id 2027 --role commander --public-key [\w-]{43} --reason TEXT\n$/,
    )
    expect(readdirSync(cwd)).toEqual(['lead#2027.key'])
  })

  test('a key that others may read is refused with the line that mends it', async () => {
    const cwd = emptyFolder()
    await run(['keygen', 'lead'], { cwd })
    for (const mode of [0o640, 0o604, 0o660]) {
      chmodSync(join(cwd, 'lead.key'), mode)
      const { code, stderr } = await run(['freeze', '--reason', 'x', '--key', 'lead.key'], { cwd })
      expect(code).toBe(2)
      expect(stderr).toContain('chmod 600 lead.key')
    }
  })

  test('what is no Ed25519 private key is refused', async () => {
    const cwd = emptyFolder()
    writeFileSync(join(cwd, 'junk.key'), 'junk', { mode: 0o600 })
    expect((await run(['freeze', '--reason', 'x', '--key', 'junk.key'], { cwd })).stderr).toContain(
      'no private key in PEM',
    )
    const missing = await run(['freeze', '--reason', 'x', '--key', 'absent.key'], { cwd })
    expect(missing.code).toBe(2)
    expect(missing.stderr).toContain('absent.key: there is no such file')
  })
})
