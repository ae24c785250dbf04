// A new key names people from its day on; both names are found; a lock by the old name holds, and the new key waits for it.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { isPseudonym } from '../../src/core/pseudonym.ts'
import { run } from '../cli/support.ts'
import { eventually, prepareGateway, signOrder, startRawUpstream } from '../support/gateway-process.ts'

const ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, session: none }
`
const CITIZEN = '999941057058'

test('rotation, search over all keys, and a lock that must go on covering', async () => {
  const upstream = await startRawUpstream()
  const gateway = await prepareGateway({ upstreamPort: upstream.port, routes: ROUTES })
  const keyFile = path.join(gateway.home, 'data/pseudonym.key')
  const cli = (args: readonly string[], more: { input?: string; env?: Record<string, string> } = {}) =>
    run(['audit', ...args], { cwd: gateway.home, ...more })
  const read = async (): Promise<number> => (await fetch(`${gateway.url}/api/v2/records/${CITIZEN}`)).status
  const found = async (): Promise<readonly string[]> => {
    const answer = await gateway.api('/api/v1/audit/search', {
      method: 'POST',
      body: JSON.stringify({ identifiers: { subjects: [CITIZEN] }, kind: 'request' }),
      headers: { 'content-type': 'application/json' },
    })
    const { records } = (await answer.json()) as { records: { record: { subjects: string[] } }[] }
    return records.flatMap(({ record }) => record.subjects)
  }
  try {
    await gateway.start()
    expect(await read()).toBe(200)
    await eventually(async () => (await found()).length === 1)
    const [old = ''] = await found()
    expect(isPseudonym(old)).toBe(true)
    // A lock of this one person, by the name that they have now.
    const lock = { kind: 'lock', scope: { subjects: [old] }, reason: 'x', incident: 'INC-1' }
    const locked = (await (await gateway.order(signOrder(gateway.people[0]!, lock))).json()) as { id: string }
    expect(await read()).toBe(503)
    expect(await gateway.stop()).toBe(0)

    expect(await cli(['keys', 'rotate', keyFile, '--from', '2020-02-30x'])).toMatchObject({ code: 2 })
    expect(await cli(['keys', 'rotate', keyFile, '--from', '2020-01-01'])).toMatchObject({ code: 0 })
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    expect((await cli(['keys', 'rotate', keyFile, '--from', '2020-01-01'])).stderr).toContain(
      'the last key counts from',
    )
    await gateway.start()
    expect(gateway.log()).toContain('a new pseudonym key waits')
    expect(await read()).toBe(503)

    const propose = await gateway.order(
      signOrder(gateway.people[1]!, { kind: 'release', locks: [locked.id], reason: 'over' }),
    )
    const { id } = (await propose.json()) as { id: string }
    expect((await gateway.order(signOrder(gateway.people[2]!, { kind: 'approve', release: id }))).status).toBe(201)
    expect(await gateway.stop()).toBe(0)
    await gateway.start()
    expect(await read()).toBe(200)
    await eventually(async () => new Set(await found()).size === 2)
    const names = new Set(await found())
    expect(names.has(old)).toBe(true)
    expect([...names].map((name) => name.split('.')[0])).toHaveLength(2)
    expect(await gateway.stop()).toBe(0)

    // Put away, brought back, and the trail searched with what came back.
    const env = { PORTCULLIS_PASSPHRASE: 'correct horse battery staple' }
    const escrow = path.join(gateway.home, 'pseudonym.escrow')
    expect(await cli(['keys', 'escrow', keyFile, '--out', escrow], { env })).toMatchObject({ code: 0 })
    const text = readFileSync(escrow, 'utf8')
    for (const line of readFileSync(keyFile, 'utf8')
      .split('\n')
      .filter((each) => each !== ''))
      expect(text.includes(line.slice(0, 43))).toBe(false)
    const restored = path.join(gateway.home, 'restored.key')
    const wrong = { PORTCULLIS_PASSPHRASE: 'wrong horse battery staple' }
    expect((await cli(['keys', 'restore', escrow, '--out', restored], { env: wrong })).stderr).toContain(
      'does not open',
    )
    expect(await cli(['keys', 'restore', escrow, '--out', restored], { env })).toMatchObject({ code: 0 })
    expect(readFileSync(restored, 'utf8')).toBe(readFileSync(keyFile, 'utf8'))
    const search = ['search', '--dir', path.join(gateway.home, 'data/audit'), '--subject', '--kind', 'request']
    const offline = await cli([...search, '--pseudonym-key', restored, '--json'], { input: `${CITIZEN}\n` })
    for (const name of names) expect(offline.stdout).toContain(name)
    expect(offline.stdout).not.toContain(CITIZEN)
    writeFileSync(escrow, text.replace('pseudonym keys', 'pseudonym keyz'))
    expect(await cli(['keys', 'restore', escrow, '--out', `${restored}.2`], { env })).toMatchObject({ code: 1 })
  } finally {
    await gateway.cleanUp()
    await upstream.close()
  }
})
