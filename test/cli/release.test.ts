import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { OPEN_STATUS, problem, startStandIn, type StandIn } from '../support/cli-control.ts'
import { deafPort, emptyFolder, json, keygen, run, type Outcome } from './support.ts'

const cwd = emptyFolder()
let keys: Record<string, string>
let control: StandIn

const LOCK = {
  id: 'LockOne00000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  scope: { all: true },
  mode: 'deny',
  source: 'order',
  since: '2026-01-02T04:00:00.000Z',
  onExpiry: 'stay',
  reason: 'records for sale',
  incident: 'INC-7',
  by: 'night-desk',
  epoch: 7,
  covers: ['a.read'],
}
const FILE_LOCK = { ...LOCK, id: 'file:freeze', source: 'file', by: undefined }
const FREEZE = { ...LOCK, id: 'FreezeFile00bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', source: 'freeze', by: undefined }
const RELEASE = {
  id: 'Release00000cccccccccccccccccccccccccccccccc',
  locks: [LOCK.id],
  reason: 'mended',
  since: '2026-01-02T04:29:00.000Z',
  kind: 'release',
  approvals: ['night-desk'],
  required: 2,
}

beforeAll(async () => {
  keys = { 'night-desk': await keygen(cwd, 'night-desk'), lead: await keygen(cwd, 'lead', 'commander') }
})
beforeEach(async () => {
  control = await startStandIn({ keys })
  control.status = {
    ...OPEN_STATUS,
    epoch: 7,
    frozen: true,
    locks: [LOCK, FILE_LOCK, FREEZE],
    pendingReleases: [RELEASE],
  }
  control.answerOrder = ({ id, order }) =>
    order.kind === 'release'
      ? { status: 202, body: { id, approvals: 1, required: 2 } }
      : { status: 201, body: { id, epoch: 8, covers: ['a.read'], durable: true } }
})
afterEach(() => control.close())

const give = (name: string, ...args: string[]): Promise<Outcome> =>
  run([...args, '--key', `${name}.key`], { cwd, env: { PORTCULLIS_CONTROL: control.url } })

describe('release', () => {
  test('shows what it would open, proposes over the epoch that was seen, and prints the line for the second person', async () => {
    const { code, stdout } = await give('night-desk', 'release', LOCK.id, '--reason', 'mended')
    expect(code).toBe(0)
    expect(control.orders[0]?.order).toEqual({ kind: 'release', locks: [LOCK.id], reason: 'mended', epoch: 7 })
    expect(stdout).toContain('records for sale')
    expect(stdout).toContain('1 of 2 have signed, 1 more must')
    expect(stdout).toContain(`portcullis approve ${control.orders[0]?.id}\n`)
  })

  test('takes the beginning of an id, from 12 characters on', async () => {
    await give('night-desk', 'release', 'LockOne00000', '--reason', 'mended')
    expect(control.orders[0]?.order.locks).toEqual([LOCK.id])
    const short = await give('night-desk', 'release', 'LockOne', '--reason', 'mended')
    expect(short.code).toBe(1)
    expect(short.stderr).toContain('at least 12 characters')
  })

  test('takes ids that begin with a dash, before and after other options', async () => {
    const dashed = ['-LockTwo0000ddddddddddddddddddddddddddddddd', '--LockThree0eeeeeeeeeeeeeeeeeeeeeeeeeeeeeee']
    control.status = { ...control.status, locks: dashed.map((id) => ({ ...LOCK, id })) }
    const { code, stderr } = await give('night-desk', 'release', ...dashed, '--reason', 'mended')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    await give('night-desk', 'release', '--reason', 'mended', '-LockTwo0000d')
    expect(control.orders.map(({ order }) => order.locks)).toEqual([dashed, dashed.slice(0, 1)])
    const typo = await give('night-desk', 'release', LOCK.id, '--reson', 'mended')
    expect(typo.stderr).toContain('Did you mean --reason?')
  })

  test('--all takes what orders and FREEZE hold, and leaves what the locks file opens', async () => {
    const { code, stdout } = await give('night-desk', 'release', '--all', '--reason', 'mended', '--json')
    expect(code).toBe(0)
    expect(control.orders[0]?.order.locks).toEqual([LOCK.id, FREEZE.id])
    expect(json(stdout)).toEqual({
      control: control.url,
      locks: [LOCK.id, FREEZE.id],
      released: false,
      id: control.orders[0]?.id,
      approvals: 1,
      required: 2,
    })
  })

  test('--all with nothing to release fails and says where the rest is opened', async () => {
    control.status = { ...OPEN_STATUS, locks: [FILE_LOCK] }
    const { code, stderr } = await give('night-desk', 'release', '--all', '--reason', 'mended')
    expect(code).toBe(1)
    expect(stderr).toContain('locks file or the config')
    expect(control.orders).toEqual([])
  })

  test('an unknown lock is refused before anything is signed, with the nearest id', async () => {
    const { code, stderr } = await give('night-desk', 'release', 'file:freze', '--reason', 'mended')
    expect(code).toBe(1)
    expect(stderr).toContain('did you mean "file:freeze"?')
    expect(control.orders).toEqual([])
  })

  test('needs locks and a reason', async () => {
    expect((await give('night-desk', 'release', '--reason', 'x')).code).toBe(2)
    expect((await give('night-desk', 'release', LOCK.id)).code).toBe(2)
    expect((await give('night-desk', 'release', LOCK.id, '--all', '--reason', 'x')).code).toBe(2)
    expect(control.requests).toEqual([])
  })

  test('goes to one control plane alone, the first that answers', async () => {
    const other = await startStandIn({ keys })
    const deaf = `http://127.0.0.1:${await deafPort()}`
    const { code, stdout } = await give(
      'night-desk',
      'release',
      LOCK.id,
      '--reason',
      'x',
      '--control',
      deaf,
      '--control',
      control.url,
      '--control',
      other.url,
    )
    await other.close()
    expect(code).toBe(0)
    expect(control.orders).toHaveLength(1)
    expect(other.requests).toEqual(['GET /healthz'])
    expect(stdout).toContain(`portcullis approve ${control.orders[0]?.id} --control ${control.url}\n`)
  })

  test('a refusal fails with the words of the gateway', async () => {
    control.answerOrder = () => problem(503, 'journal unavailable', 'the release could not be made durable')
    const { code, stderr } = await give('night-desk', 'release', LOCK.id, '--reason', 'x')
    expect(code).toBe(1)
    expect(stderr).toContain('(503 journal unavailable): the release could not be made durable')
  })
})

describe('approve', () => {
  test('without an id says what waits, and signs nothing', async () => {
    const { code, stderr } = await give('lead', 'approve')
    expect(code).toBe(2)
    expect(stderr).toContain(`portcullis approve ${RELEASE.id}  Release by night-desk: `)
    expect(control.orders).toEqual([])
  })

  test('shows what it opens first, signs over the epoch that was seen, and says released', async () => {
    const { code, stdout } = await give('lead', 'approve', RELEASE.id)
    expect(code).toBe(0)
    expect(control.orders[0]).toMatchObject({ kid: 'lead', order: { kind: 'approve', release: RELEASE.id, epoch: 7 } })
    expect(stdout.indexOf('It opens:')).toBeLessThan(stdout.indexOf('RELEASED  at epoch 8'))
    expect(stdout).toContain('signed by night-desk')
    expect(stdout).toContain('records for sale')
  })

  test('says how many are still needed', async () => {
    control.answerOrder = () => ({ status: 202, body: { id: RELEASE.id, approvals: 2, required: 3 } })
    const { code, stdout } = await give('lead', 'approve', 'Release00000')
    expect(code).toBe(0)
    expect(stdout).toContain('2 of 3 have signed, 1 more must')
  })

  test('--json has stable fields', async () => {
    const { stdout } = await give('lead', 'approve', RELEASE.id, '--json')
    expect(json(stdout)).toEqual({
      control: control.url,
      release: RELEASE.id,
      locks: [LOCK.id],
      released: true,
      id: control.orders[0]?.id,
      epoch: 8,
      durable: true,
    })
  })

  test("a proposer's own approval is refused by the gateway, and exits 1", async () => {
    control.answerOrder = () =>
      problem(409, 'conflict', 'night-desk has signed this release before: it takes 2 different people')
    const { code, stderr } = await give('night-desk', 'approve', RELEASE.id)
    expect(code).toBe(1)
    expect(stderr).toContain('it takes 2 different people')
  })

  test('a release that does not wait is refused before anything is signed', async () => {
    const { code, stderr } = await give('lead', 'approve', 'x'.repeat(43))
    expect(code).toBe(1)
    expect(stderr).toContain('there is no pending release')
    expect(control.orders).toEqual([])
  })
})
