// What opens, and who responds, from the command line: every proposal is signed over what was seen, and says who must sign next.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { OPEN_STATUS, startStandIn, type StandIn } from '../support/cli-control.ts'
import { emptyFolder, json, keygen, run, type Outcome } from './support.ts'

const cwd = emptyFolder()
const LOCK = {
  id: 'LockOne00000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  scope: { all: true },
  mode: 'deny',
  source: 'order',
  since: '2026-01-02T03:25:00.000Z',
  onExpiry: 'stay',
  reason: 'records for sale',
  incident: 'INC-7',
  by: 'night-desk',
  epoch: 7,
  covers: ['a.read'],
}
const PROPOSAL = {
  id: 'Proposal00000bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',
  kind: 'release',
  locks: [LOCK.id],
  reason: 'mended',
  since: '2026-01-02T04:29:00.000Z',
  approvals: ['night-desk'],
  required: 2,
}
const NEW_KEY = 'CvTuqHH06Mwn4RDUmMrHx1pTDBzTW6bxXiukKEFbhbI'
const STAGES = [
  { passes: 'probes', forMs: 60_000, probes: { clients: ['uptime'] } },
  { passes: 'percent', forMs: 600_000, percent: 5 },
  { passes: 'all', forMs: 1_800_000 },
]

let keys: Record<string, string>
let control: StandIn

beforeAll(async () => {
  keys = { lead: await keygen(cwd, 'lead', 'commander') }
})
beforeEach(async () => {
  control = await startStandIn({ keys })
  control.status = { ...OPEN_STATUS, epoch: 7, frozen: true, locks: [LOCK] }
  control.answerOrder = ({ id }) => ({ status: 202, body: { id, approvals: 1, required: 2 } })
})
afterEach(() => control.close())

const give = (...args: readonly string[]): Promise<Outcome> =>
  run(args, { cwd, env: { PORTCULLIS_CONTROL: control.url, PORTCULLIS_KEY: 'lead.key' } })
const opens = (): void => {
  control.answerOrder = ({ id }) => ({ status: 201, body: { id, epoch: 8, covers: ['a.read'], durable: true } })
}

describe('release', () => {
  const PLAN = 'stages: [{ readOnly: true, for: 10m }, { all: true, for: 30m }]\nowner: lead\ndeadline: 2h\n'

  test('--thaw signs the plan of the file', async () => {
    writeFileSync(join(cwd, 'thaw.yaml'), PLAN)
    const { code, stdout } = await give('release', LOCK.id, '--reason', 'mended', '--thaw', 'thaw.yaml')
    expect(code).toBe(0)
    expect(control.orders[0]?.order).toEqual({
      kind: 'release',
      locks: [LOCK.id],
      reason: 'mended',
      epoch: 7,
      thaw: {
        stages: [
          { readOnly: true, for: '10m' },
          { all: true, for: '30m' },
        ],
        owner: 'lead',
        deadline: '2h',
      },
    })
    expect(stdout).toContain('1 of 2 have signed')
  })

  test('--thaw tells every problem of the plan before anything is signed', async () => {
    writeFileSync(join(cwd, 'bad.yaml'), 'stages: [{ percent: 500, for: x }]\nowner: lead\n')
    const { code, stderr } = await give('release', LOCK.id, '--reason', 'x', '--thaw', 'bad.yaml')
    expect(code).toBe(2)
    expect(stderr).toContain('order.thaw.stages[0].percent must be')
    expect(stderr).toContain('order.thaw.deadline is required')
    expect(control.orders).toEqual([])
    for (const [file, problem] of [
      ['absent.yaml', 'there is no such file'],
      ['lead.key', '--thaw must be an object'],
    ] as const)
      expect((await give('release', LOCK.id, '--reason', 'x', '--thaw', file)).stderr).toContain(problem)
  })

  test('--withdraw takes back alone, and says so', async () => {
    opens()
    const { code, stdout } = await give('release', LOCK.id, '--reason', 'wrong tag', '--withdraw')
    expect(code).toBe(0)
    expect(control.orders[0]?.order).toMatchObject({ kind: 'release', withdraw: true, epoch: 7 })
    expect(stdout).toContain('WITHDRAWN  at epoch 8')
  })
})

test('what opens is signed over the checkpoint that status told', async () => {
  const checkpoint = { origin: 'gw-1', size: 7, root: `${'A'.repeat(43)}=` }
  control.status = {
    ...control.status,
    audit: { ...OPEN_STATUS.audit, checkpoint },
    pendingReleases: [PROPOSAL],
  }
  await give('release', LOCK.id, '--reason', 'x')
  await give('exempt', LOCK.id, '--route', 'health', '--ttl', '1h', '--reason', 'x')
  await give('approve', PROPOSAL.id)
  expect(control.orders.map(({ order }) => order.checkpoint)).toEqual([checkpoint, checkpoint, checkpoint])
})

describe('exempt', () => {
  test('names the locks that it goes through, what passes, and for how long', async () => {
    const args = [
      'exempt',
      'LockOne00000',
      '--route',
      'health',
      '--client',
      'uptime',
      '--ttl',
      '4h',
      '--reason',
      'probes',
    ]
    const { code, stdout } = await give(...args)
    expect(code).toBe(0)
    expect(control.orders[0]?.order).toEqual({
      kind: 'exempt',
      locks: [LOCK.id],
      scope: { routes: ['health'], clients: ['uptime'] },
      ttl: '4h',
      reason: 'probes',
      epoch: 7,
    })
    expect(stdout).toContain('route health, client uptime')
    expect(stdout).toContain(`portcullis approve ${control.orders[0]?.id}\n`)
  })

  test('takes people by stdin, as pseudonyms', async () => {
    const { code } = await run(['exempt', LOCK.id, '--subject', '--ttl', '1h', '--reason', 'surgery'], {
      cwd,
      env: { PORTCULLIS_CONTROL: control.url, PORTCULLIS_KEY: 'lead.key' },
      input: '9999 8888 7777\n',
    })
    expect(code).toBe(0)
    expect(control.identifiers).toEqual(['9999 8888 7777'])
    expect(JSON.stringify(control.orders[0]?.order)).not.toContain('9999')
  })

  test('of everything, for ever or without a reason is refused before anything is sent', async () => {
    for (const args of [
      ['--ttl', '1h', '--reason', 'x'],
      ['--route', 'health', '--reason', 'x'],
      ['--route', 'health', '--ttl', '25h', '--reason', 'x'],
      ['--route', 'health', '--ttl', '1h'],
    ])
      expect((await give('exempt', LOCK.id, ...args)).code).toBe(2)
    expect(control.requests).toEqual([])
  })
})

describe('enrol and retire', () => {
  test('enrol signs name, role and key, and tells how the old key is retired', async () => {
    const args = [
      'enrol',
      'lead',
      '--key-id',
      '2027',
      '--role',
      'commander',
      '--public-key',
      NEW_KEY,
      '--reason',
      'yearly',
    ]
    const { code, stdout } = await give(...args)
    expect(code).toBe(0)
    expect(control.orders[0]?.order).toEqual({
      kind: 'enrol',
      name: 'lead',
      role: 'commander',
      key: NEW_KEY,
      keyId: '2027',
      reason: 'yearly',
    })
    expect(stdout).toContain('lead#2027, commander')
    expect(stdout).toContain(`portcullis retire lead --public-key ${keys.lead}`)
    expect(stdout).toContain('until then the key opens and locks nothing')
  })

  test('a key that is none is refused before anything is sent', async () => {
    const { code, stderr } = await give('enrol', 'new', '--public-key', 'abc', '--reason', 'x')
    expect([code, stderr]).toEqual([2, expect.stringContaining('--public-key must be a raw Ed25519 public key')])
    expect(control.requests).toEqual([])
  })

  test('retire names all keys of a person, or the one that is meant', async () => {
    const other = { name: 'lead', keyId: '2027', role: 'commander', key: NEW_KEY, source: 'order' }
    control.responders = [...control.responders, other]
    expect((await give('retire', 'lead', '--reason', 'left')).stdout).toContain('lead#2027, commander')
    expect(control.orders[0]?.order).toEqual({ kind: 'retire', name: 'lead', reason: 'left' })
    await give('retire', 'lead', '--public-key', NEW_KEY.slice(0, 12), '--reason', 'old')
    expect(control.orders[1]?.order).toEqual({ kind: 'retire', name: 'lead', key: NEW_KEY, reason: 'old' })
    const nobody = await give('retire', 'laed', '--reason', 'x')
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('did you mean "lead"?')])
    expect((await give('retire', 'lead', '--public-key', 'x'.repeat(12), '--reason', 'x')).code).toBe(1)
    expect(control.orders).toHaveLength(2)
  })
})

describe('approve', () => {
  test.each([
    [
      'a thaw',
      { stages: STAGES, owner: 'lead', deadlineMs: 7_200_000, refreezeOn: [{ metric: 'anomalies', above: 0 }] },
      [
        'in stages probes (client uptime) for 1m, then 5 % of sessions',
        'by lead; it locks again after 2h 00m without an end, or at anomalies above 0 within a minute',
        'It opens:',
      ],
      'THAWING',
    ],
    [
      'an exemption',
      { kind: 'exempt', scope: { routes: ['health'] }, ttlMs: 3_600_000 },
      ['passes    route health, for 1h 00m', 'It goes through:', 'records for sale'],
      'EXEMPT',
    ],
    [
      'an enrolment',
      { kind: 'enrol', locks: [], responder: { name: 'lead', keyId: '2027', role: 'commander', key: NEW_KEY } },
      ['Enrolment', 'enrols    lead#2027, commander', NEW_KEY],
      'ENROLLED',
    ],
    [
      'a retirement',
      { kind: 'retire', locks: [], responder: { name: 'lead' } },
      ['all that the person has'],
      'RETIRED',
    ],
  ])('shows what %s does before it signs', async (_name, fields, shown, done) => {
    control.status = { ...control.status, pendingReleases: [{ ...PROPOSAL, ...fields }] }
    opens()
    const { code, stdout } = await give('approve', 'Proposal0000')
    expect(code).toBe(0)
    for (const text of shown) expect(stdout).toContain(text)
    expect(stdout.split('\n').at(-2)).toContain(done)
    expect(control.orders[0]?.order).toEqual({ kind: 'approve', release: PROPOSAL.id, epoch: 7 })
  })
})

describe('drill', () => {
  const proof = (missing: readonly string[]) => ({ proven: ['gw-1/0'], missing, elapsedMs: 7 })

  test('always waits for the proof, and exits 3 where somebody is missing', async () => {
    for (const [missing, expected] of [
      [[], 0],
      [['gw-1/1'], 3],
    ] as const) {
      control.answerOrder = ({ id }) => ({
        status: 201,
        body: { id, epoch: 8, covers: ['a.read'], durable: true, proof: proof(missing) },
      })
      const { code, stdout, stderr } = await give('drill', '--reason', 'monthly')
      expect(code).toBe(expected)
      expect(stdout).toContain('DRILLED  canaries only')
      expect(stderr.includes('NOT PROVEN: gw-1/1')).toBe(expected === 3)
    }
    expect(control.orders[0]).toMatchObject({ wait: '2s', order: { kind: 'drill', reason: 'monthly' } })
  })
})

describe('explain', () => {
  const answer = {
    now: '2026-01-02T04:30:00.000Z',
    epoch: 7,
    route: 'a.read',
    method: 'GET',
    verdict: 'refused',
    locks: [{ ...LOCK, effect: 'refuses', decides: true }],
    revocations: [],
  }

  test('asks the question as it was put, and shows the lock that decides', async () => {
    control.explanation = answer
    const { code, stdout } = await give('explain', '--path', '/a/7', '--client', 'clinic', '--address', '203.0.113.9')
    expect(code).toBe(0)
    expect(control.explained).toEqual([{ path: '/a/7', clients: ['clinic'], address: '203.0.113.9' }])
    for (const text of ['REFUSED', 'Decided by:', LOCK.id, 'night-desk', 'INC-7', 'records for sale', 'epoch     7'])
      expect(stdout).toContain(text)
    expect(json((await give('explain', '--route', 'a.read', '--json')).stdout)).toEqual({
      control: control.url,
      ...answer,
    })
  })

  test('takes no identifier, and no question without a route', async () => {
    const { code, stderr } = await give('explain', '--route', 'a.read', '--subject', '9999 8888 7777')
    expect(code).toBe(2)
    expect(stderr).not.toContain('9999')
    expect((await give('explain', '--method', 'GET')).code).toBe(2)
    expect(control.explained).toEqual([])
  })
})

describe('status', () => {
  const thaw = {
    release: PROPOSAL.id,
    state: 'stage',
    stage: 2,
    next: '2026-01-02T04:34:00.000Z',
    owner: 'lead',
    since: '2026-01-02T04:23:00.000Z',
    deadline: '2026-01-02T06:23:00.000Z',
    stages: STAGES,
  }

  test('tells the stage of a thaw, exemptions, and the last drill', async () => {
    const exemptions = [{ id: 'e'.repeat(43), scope: { clients: ['clinic'] }, until: '2026-01-02T05:00:00.000Z' }]
    control.status = {
      ...control.status,
      locks: [{ ...LOCK, thaw, exemptions }],
      drill: {
        id: 'd',
        by: 'lead',
        at: '2026-01-01T04:30:00.000Z',
        ageSeconds: 86_400,
        proof: { proven: [], missing: ['w'], elapsedMs: 1 },
      },
    }
    const { stdout } = await give('status')
    expect(stdout).toContain('THAWING  stage 2 of 3: 5 % of sessions for 10m, 4m left; lead sees to it')
    expect(stdout).toContain('EXEMPT  client clinic, for 30m more')
    expect(stdout).toContain('Drill: 1d 0h ago by lead, NOT PROVEN by w')
  })

  test('tells that a thaw was ended, and why', async () => {
    const refrozen = { at: '2026-01-02T04:25:00.000Z', why: 'error-share 0.2 is above 0.1' }
    control.status = { ...control.status, locks: [{ ...LOCK, thaw: { ...thaw, state: 'refrozen', refrozen } }] }
    expect((await give('status')).stdout).toContain('REFROZEN  error-share 0.2 is above 0.1; lead sees to it')
  })
})
