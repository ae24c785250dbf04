import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals'
import { readTlsFiles, watchTlsFiles, type TlsFiles, type TlsMaterial } from '../../../src/adapters/node/tls-files.ts'
import type { Logger } from '../../../src/ports/logger.ts'
import { createAuthority, type Issued } from '../../support/certificates.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-tls-files-'))
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})

const NOW = Date.now() + 60_000
const authority = createAuthority(home)
const [first, second] = [authority.issue('first'), authority.issue('second')]

let count = 0
let files: Required<Pick<TlsFiles, 'cert' | 'key'>>
beforeEach(() => {
  count += 1
  const dir = path.join(home, String(count))
  mkdirSync(dir)
  files = { cert: path.join(dir, 'tls.crt'), key: path.join(dir, 'tls.key') }
  put(first)
})

function put({ cert, key }: Pick<Issued, 'cert' | 'key'>): void {
  writeFileSync(files.cert, cert)
  writeFileSync(files.key, key)
}

async function material(from: TlsFiles = files): Promise<TlsMaterial> {
  const read = await readTlsFiles(from, NOW)
  if ('problems' in read) throw new Error(read.problems.join('\n'))
  return read
}

async function problems(from: TlsFiles): Promise<readonly string[]> {
  const read = await readTlsFiles(from, NOW)
  return 'problems' in read ? read.problems : []
}

describe('reading', () => {
  test('gives what the files hold, and when it ends', async () => {
    expect(await material({ ...files, ca: authority.certFile })).toEqual({
      cert: first.cert,
      key: first.key,
      ca: authority.cert,
      expiresAt: expect.any(Number),
    })
    expect(await material({ ca: authority.certFile })).toEqual({ ca: authority.cert })
  })

  test('names each file that is no good, all at once', async () => {
    const nowhere = path.join(home, 'nowhere.crt')
    const large = path.join(home, 'large.crt')
    writeFileSync(large, 'x'.repeat(1_048_577))
    expect(await problems({ cert: nowhere, key: home, ca: large })).toEqual([
      `${nowhere} does not exist`,
      `${home} is no regular file`,
      `${large} has 1048577 bytes: the most is 1048576`,
    ])
    expect(await problems({ ...files, key: second.keyFile })).toEqual([
      `${second.keyFile} is the key of another certificate`,
    ])
  })
})

interface Rig {
  readonly watch: ReturnType<typeof watchTlsFiles>
  readonly applied: TlsMaterial[]
  readonly log: string[]
  now: number
  refuse: readonly string[] | Error
}

async function createRig(over: TlsFiles = files): Promise<Rig> {
  const log: string[] = []
  const say = (level: string) => (message: string, fields?: unknown) => {
    log.push(`${level} ${message} ${JSON.stringify(fields)}`)
  }
  const logger: Logger = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const rig: { -readonly [Key in keyof Rig]: Rig[Key] } = {
    applied: [],
    log,
    now: NOW,
    refuse: [],
    watch: undefined as never,
  }
  rig.watch = watchTlsFiles({
    key: 'gateway.tls',
    files: over,
    material: await material(over),
    now: () => rig.now,
    logger,
    apply: (next) => {
      if (rig.refuse instanceof Error) throw rig.refuse
      if (rig.refuse.length === 0) rig.applied.push(next)
      return rig.refuse
    },
  })
  return rig
}

describe('watching', () => {
  test('takes nothing while nothing changes', async () => {
    const { watch, applied, log } = await createRig()
    for (let looks = 0; looks < 3; looks++) await watch.look()
    expect([applied, log, watch.problems]).toEqual([[], [], []])
  })

  test('takes a new pair once it has stood for two looks', async () => {
    const { watch, applied, log } = await createRig()
    await watch.look()
    put(second)
    await watch.look()
    expect(applied).toEqual([])
    await watch.look()
    expect(applied.map(({ cert, key }) => [cert, key])).toEqual([[second.cert, second.key]])
    expect(watch.material.cert).toBe(second.cert)
    await watch.look()
    expect(applied).toHaveLength(1)
    expect(log).toEqual([expect.stringMatching(/^info certificates were read anew and are in use/)])
    expect(log.join()).not.toContain('PRIVATE KEY')
  })

  test('says nothing of a pair whose halves are swapped one after the other', async () => {
    const { watch, applied, log } = await createRig()
    writeFileSync(files.cert, second.cert)
    await watch.look()
    writeFileSync(files.key, second.key)
    await watch.look()
    expect([log, watch.problems]).toEqual([[], []])
    await watch.look()
    expect(applied.map(({ cert }) => cert)).toEqual([second.cert])
  })

  test('sees a link that is swapped, as a ConfigMap does', async () => {
    const at = path.join(home, 'volume')
    for (const [name, { cert, key }] of Object.entries({ v1: first, v2: second })) {
      mkdirSync(path.join(at, name), { recursive: true })
      writeFileSync(path.join(at, name, 'tls.crt'), cert)
      writeFileSync(path.join(at, name, 'tls.key'), key)
    }
    symlinkSync('v1', path.join(at, '..data'))
    const { watch, applied } = await createRig({
      cert: path.join(at, '..data', 'tls.crt'),
      key: path.join(at, '..data', 'tls.key'),
    })
    symlinkSync('v2', path.join(at, '..next'))
    renameSync(path.join(at, '..next'), path.join(at, '..data'))
    await watch.look()
    await watch.look()
    expect(applied.map(({ cert }) => cert)).toEqual([second.cert])
  })

  test('keeps the pair in use where the new one is no good, says so once, and takes it back when it is mended', async () => {
    const rig = await createRig()
    const { watch, applied, log } = rig
    writeFileSync(files.key, second.key)
    for (let looks = 0; looks < 4; looks++) await watch.look()
    const problem = `gateway.tls: ${files.key} is the key of another certificate`
    expect([applied, watch.problems, watch.material.key]).toEqual([[], [problem], first.key])
    expect(log).toEqual([expect.stringMatching(/^error certificates are not in order; those in use stay/)])
    rmSync(files.cert)
    await watch.look()
    await watch.look()
    expect(watch.problems[0]).toBe(`gateway.tls: ${files.cert} does not exist`)
    put(first)
    await watch.look()
    expect([applied, watch.problems]).toEqual([[], []])
    expect(log.at(-1)).toMatch(/^info certificates are in order again/)
  })

  test('a pair that is not valid yet is taken when it is', async () => {
    const rig = await createRig()
    rig.now = NOW - 86_400_000
    put(second)
    for (let looks = 0; looks < 3; looks++) await rig.watch.look()
    expect(rig.watch.problems).toEqual([expect.stringMatching(/is not valid before/)])
    rig.now = NOW
    await rig.watch.look()
    expect([rig.applied.length, rig.watch.problems]).toEqual([1, []])
  })

  test.each([
    ['says why', ['w1: no'] as readonly string[]],
    ['throws', new Error('w1: no')],
  ])('what cannot be put to use is tried again: it %s', async (_, refuse) => {
    const rig = await createRig()
    rig.refuse = refuse
    put(second)
    for (let looks = 0; looks < 3; looks++) await rig.watch.look()
    expect([rig.watch.problems, rig.watch.material.cert, rig.log.length]).toEqual([
      ['gateway.tls: w1: no'],
      first.cert,
      1,
    ])
    rig.refuse = []
    await rig.watch.look()
    expect([rig.watch.problems, rig.watch.material.cert]).toEqual([[], second.cert])
  })

  test('tells of a certificate in use that has expired', async () => {
    const rig = await createRig()
    rig.now = NOW + 3 * 86_400_000
    await rig.watch.look()
    expect(rig.watch.problems).toEqual([expect.stringMatching(/^gateway.tls: the certificate in use expired on 20/)])
  })

  test('one look at a time', async () => {
    const { watch, applied } = await createRig()
    put(second)
    await Promise.all([watch.look(), watch.look(), watch.look()])
    expect(applied).toEqual([])
  })
})
