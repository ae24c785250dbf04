import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from '@jest/globals'
import { createPlace, records, removePlaces, writeTrail } from '../audit/trail.ts'
import { emptyFolder, json, MAIN, run } from './support.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const DEMO = join(ROOT, 'demo/openapi.yaml')

describe('init and serve --check', () => {
  test('a config made from an OpenAPI document is accepted as it stands', async () => {
    const cwd = emptyFolder()
    const made = await run(
      ['init', '--openapi', DEMO, '--upstream', 'http://127.0.0.1:9000', '--out', 'portcullis.yaml'],
      { cwd },
    )
    expect(made.code).toBe(0)
    const { code, stdout } = await run(['serve', '--config', 'portcullis.yaml', '--check'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^portcullis\.yaml: no problems; \d+ routes, 1 upstream, 1 issuer, 0 responders\n$/)
    const summary = json((await run(['serve', '--config', 'portcullis.yaml', '--check', '--json'], { cwd })).stdout)
    expect(summary).toEqual({
      ok: true,
      file: 'portcullis.yaml',
      problems: [],
      routes: expect.any(Array),
      upstreams: ['api'],
      issuers: [expect.any(String)],
      responders: [],
    })
    expect(readdirSync(cwd)).toEqual(['portcullis.yaml'])
  })

  test('every document of the fixtures makes a config that is accepted', async () => {
    const folder = resolve(ROOT, process.env.PORTCULLIS_SHARED ?? '../shared', 'fixtures/divoc')
    if (!existsSync(folder)) {
      console.warn(`SKIPPED: ${folder} is absent`)
      return
    }
    const cwd = emptyFolder()
    for (const document of readdirSync(folder).filter((each) => each.endsWith('.yaml'))) {
      const made = await run(['init', '--openapi', join(folder, document)], { cwd })
      writeFileSync(join(cwd, 'made.yaml'), made.stdout)
      const checked = await run(['serve', '--config', 'made.yaml', '--check'], { cwd })
      expect({ document, code: checked.code, stderr: checked.stderr }).toEqual({ document, code: 0, stderr: '' })
    }
  })

  test('init writes to stdout, warns on stderr, and never overwrites without --force', async () => {
    const cwd = emptyFolder()
    const { stdout, stderr } = await run(['init', '--openapi', DEMO], { cwd })
    expect(stdout).toContain('\nroutes:\n')
    expect(stderr).toContain('openapi.yaml: ')
    writeFileSync(join(cwd, 'mine.yaml'), 'mine')
    const refused = await run(['init', '--openapi', DEMO, '--out', 'mine.yaml'], { cwd })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('--force')
    expect(readFileSync(join(cwd, 'mine.yaml'), 'utf8')).toBe('mine')
    expect((await run(['init', '--openapi', DEMO, '--out', 'mine.yaml', '--force'], { cwd })).code).toBe(0)
    expect(readFileSync(join(cwd, 'mine.yaml'), 'utf8')).toBe(stdout)
  })

  test('a reader that has seen enough is no failure, a full disk is one', async () => {
    const shell = (line: string) => spawnSync('sh', ['-c', line, process.execPath, MAIN, DEMO], { encoding: 'utf8' })
    const enough = shell('{ "$0" "$1" init --openapi "$2"; echo "exit $?" >&2; } | true')
    expect(enough.stderr).toMatch(/exit 0\n$/)
    const full = shell('"$0" "$1" init --openapi "$2" > /dev/full')
    expect(full.status).toBe(1)
    expect(full.stderr).toContain('could not be written: ENOSPC')
  })

  test('init --json holds the config and the warnings', async () => {
    const { stdout } = await run(['init', '--openapi', DEMO, '--json'], { cwd: emptyFolder() })
    expect(json(stdout)).toEqual({
      file: null,
      config: expect.stringContaining('routes:'),
      warnings: expect.any(Array),
    })
  })

  test('what is no OpenAPI document is refused with its place', async () => {
    const cwd = emptyFolder()
    writeFileSync(join(cwd, 'bad.yaml'), 'openapi: [\n')
    const bad = await run(['init', '--openapi', 'bad.yaml'], { cwd })
    expect(bad.code).toBe(2)
    expect(bad.stderr).toMatch(/^bad\.yaml:\d+:\d+: /)
    const absent = await run(['init', '--openapi', 'absent.yaml'], { cwd })
    expect(absent.code).toBe(2)
    expect(absent.stderr).toContain('absent.yaml: does not exist')
  })

  test('every problem of a config at once, each with file, line and column, exit 2', async () => {
    const cwd = emptyFolder()
    writeFileSync(
      join(cwd, 'bad.yaml'),
      'gatway: {}\nstore: { lease: soon }\nupstreams: { api: { url: "http://127.0.0.1:9" } }\nroutes: []\n',
    )
    const { code, stdout, stderr } = await run(['serve', '--config', 'bad.yaml', '--check'], { cwd })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^bad\.yaml:1:1: .*gateway/m)
    expect(stderr).toMatch(/^bad\.yaml:2:17: store\.lease/m)
    const { problems, ok } = json((await run(['serve', '--config', 'bad.yaml', '--check', '--json'], { cwd })).stdout)
    expect(ok).toBe(false)
    expect(problems).toContainEqual({ line: 2, column: 17, path: 'store.lease', message: expect.any(String) })
  })

  test('the environment overrides the config here as well', async () => {
    const cwd = emptyFolder()
    await run(['init', '--openapi', DEMO, '--out', 'made.yaml'], { cwd })
    const { code, stderr } = await run(['serve', '--config', 'made.yaml', '--check'], {
      cwd,
      env: { PORTCULLIS__STORE__LEASE: 'soon' },
    })
    expect(code).toBe(2)
    expect(stderr).toContain('PORTCULLIS__STORE__LEASE')
  })

  test('a config that is absent is exit 2', async () => {
    const { code, stderr } = await run(['serve', '--config', 'absent.yaml', '--check'], { cwd: emptyFolder() })
    expect(code).toBe(2)
    expect(stderr).toBe('absent.yaml: does not exist\n')
  })
})

describe('audit verify', () => {
  afterAll(removePlaces)

  test('a whole trail is intact: exit 0, and what could not be seen is said', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 1, 3), records('w1', 4, 2)])
    const { code, stdout } = await run(['audit', 'verify', place.dir], { cwd: place.root })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^INTACT {2}/)
    expect(stdout).toContain('5 entries')
    expect(stdout).toContain('a rollback to an earlier state of this trail could not have been seen')
    const verdict = json((await run(['audit', 'verify', place.dir, '--json'], { cwd: place.root })).stdout)
    expect(verdict).toMatchObject({ ok: true, dir: place.dir, size: 5, problems: [], warnings: [] })
  })

  test('a flipped bit is found, named and exit 1', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 1, 3)])
    const entries = readdirSync(join(place.dir, 'tile/entries'), { recursive: true, withFileTypes: true }).find(
      (each) => each.isFile(),
    )
    const file = join(entries?.parentPath ?? '', entries?.name ?? '')
    const bytes = readFileSync(file)
    bytes[20] = (bytes[20] ?? 0) ^ 1
    writeFileSync(file, bytes)
    const { code, stdout } = await run(['audit', 'verify', place.dir], { cwd: place.root })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^NOT INTACT {2}/)
    expect(stdout).toContain(`problem     ${relative(place.dir, file)}`)
    expect(json((await run(['audit', 'verify', place.dir, '--json'], { cwd: place.root })).stdout)).toMatchObject({
      ok: false,
    })
  })

  test('a rollback is found with a checkpoint that was kept', async () => {
    const place = createPlace()
    await writeTrail(place, [records('w1', 1, 3)])
    const earlier = join(place.root, 'earlier')
    cpSync(place.dir, earlier, { recursive: true })
    const grown = createPlace()
    await writeTrail(grown, [records('w1', 1, 3), records('w1', 4, 3)])
    const kept = join(grown.dir, 'checkpoint')
    const { code, stdout } = await run(['audit', 'verify', earlier, '--checkpoint', kept], { cwd: place.root })
    expect(code).toBe(1)
    expect(stdout).toContain('rolled back')
    const key = readFileSync(join(grown.dir, 'vkey'), 'utf8').trim()
    expect(
      (await run(['audit', 'verify', grown.dir, '--checkpoint', kept, '--key', key], { cwd: place.root })).code,
    ).toBe(0)
  })

  test('what is no trail is exit 1, a checkpoint that cannot be read exit 2', async () => {
    const cwd = emptyFolder()
    mkdirSync(join(cwd, 'empty'))
    expect((await run(['audit', 'verify', 'empty'], { cwd })).code).toBe(1)
    expect((await run(['audit', 'verify', 'nowhere'], { cwd })).code).toBe(1)
    expect((await run(['audit', 'verify', 'empty', '--checkpoint', 'absent'], { cwd })).code).toBe(2)
  })
})
