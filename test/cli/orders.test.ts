import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { problem, pseudonym, startStandIn, type StandIn } from '../support/cli-control.ts'
import { deafPort, emptyFolder, json, keygen, run, type Outcome, type RunOptions } from './support.ts'

const cwd = emptyFolder()
let keys: Record<string, string>
let control: StandIn

beforeAll(async () => {
  keys = { 'night-desk': await keygen(cwd, 'night-desk'), lead: await keygen(cwd, 'lead', 'commander') }
})
beforeEach(async () => {
  control = await startStandIn({ keys })
})
afterEach(() => control.close())

const give = (args: readonly string[], options: Partial<RunOptions> = {}): Promise<Outcome> =>
  run([...args, '--control', control.url, '--key', 'night-desk.key'], { cwd, ...options })

describe('freeze', () => {
  test('sends one signed order that locks everything, and says where it holds', async () => {
    const { code, stdout } = await give(['freeze', '--reason', 'leak', '--incident', 'INC-7'])
    expect(code).toBe(0)
    const [seen] = control.orders
    expect(seen).toMatchObject({
      kid: 'night-desk',
      order: { kind: 'lock', scope: { all: true }, reason: 'leak', incident: 'INC-7' },
      claims: { iss: 'night-desk', iat: expect.any(Number), jti: expect.any(String) },
    })
    expect(Math.abs(Number(seen?.claims.iat) - Date.now() / 1000)).toBeLessThan(30)
    expect(stdout).toContain('FROZEN  everything')
    expect(stdout).toContain(`portcullis release ${seen?.id}`)
    expect(stdout).toContain(`${control.url}, epoch 4, 2 routes`)
    expect(stdout).toContain('proven    not waited for')
    expect(stdout).toContain('--withdraw')
  })

  test('needs no login and no token: the order carries its own signature', async () => {
    await give(['freeze', '--reason', 'leak'])
    // The fleet's name, which whoever may ask.
    expect(control.requests).toEqual(['GET /healthz', 'POST /api/v1/orders'])
  })

  test('takes a variable that is set to nothing for one that is not set', async () => {
    const names = ['CONTROL', 'KEY', 'CA', 'TOKEN', 'FLEET'].map((name) => [`PORTCULLIS_${name}`, ''])
    const env = Object.fromEntries(names) as Readonly<Record<string, string>>
    expect(await give(['freeze', '--reason', 'leak'], { env })).toMatchObject({ code: 0 })
    expect(control.orders[0]?.claims).not.toHaveProperty('aud')
    const { code, stderr } = await run(['freeze', '--reason', 'leak', '--control', control.url], { cwd, env })
    expect([code, stderr]).toEqual([2, expect.stringContaining('no key to sign with')])
  })

  test('gives the incident a name by the time in UTC where nobody has named it', async () => {
    const { stdout } = await give(['freeze', '--reason', 'leak', '--json'])
    expect(json(stdout).incident).toMatch(/^INC-\d{8}T\d{6}Z$/)
    expect(control.orders[0]?.order.incident).toBe(json(stdout).incident)
  })

  test('without a reason and without a terminal it is refused, and nothing is sent', async () => {
    const { code, stderr } = await give(['freeze'])
    expect(code).toBe(2)
    expect(stderr).toContain('--reason is required')
    expect(control.requests).toEqual([])
  })

  test('scope flags narrow it, each repeatable', async () => {
    const flags =
      '--route a.read --route b.read --tag pii --method get --upstream registry --client partner-7 --cidr 10.0.0.0/8 --user-agent curl/*'
    const { code, stdout } = await give(['freeze', '--reason', 'leak', ...flags.split(' ')])
    expect(code).toBe(0)
    expect(stdout).toContain('LOCKED deny')
    expect(control.orders[0]?.order.scope).toEqual({
      routes: ['a.read', 'b.read'],
      tags: ['pii'],
      methods: ['get'],
      upstreams: ['registry'],
      clients: ['partner-7'],
      cidrs: ['10.0.0.0/8'],
      userAgents: ['curl/*'],
    })
  })

  test('goes to every control plane, and succeeds where one accepts', async () => {
    const other = await startStandIn({ keys })
    const deaf = `http://127.0.0.1:${await deafPort()}`
    const { code, stdout, stderr } = await give([
      'freeze',
      '--reason',
      'leak',
      '--control',
      deaf,
      '--control',
      other.url,
    ])
    await other.close()
    expect(code).toBe(0)
    expect(other.orders[0]?.id).toBe(control.orders[0]?.id)
    expect(stdout).toContain(control.url)
    expect(stdout).toContain(other.url)
    expect(stderr).toContain(`${deaf} refuses the connection`)
  })

  test('with --wait a control plane that cannot be reached has not confirmed: exit 3', async () => {
    control.answerOrder = proving(['gw-1/0'], [])
    const deaf = `http://127.0.0.1:${await deafPort()}`
    const { code, stderr } = await give(['freeze', '--reason', 'leak', '--wait', '--control', deaf])
    expect(code).toBe(3)
    expect(stderr).toContain(`NOT PROVEN: ${deaf}`)
  })

  test('where no control plane can be reached it fails, saying so of each', async () => {
    const urls = [`http://127.0.0.1:${await deafPort()}`, `http://127.0.0.1:${await deafPort()}`]
    const { code, stdout, stderr } = await run(['freeze', '--reason', 'leak', '--key', 'night-desk.key'], {
      cwd,
      env: { PORTCULLIS_CONTROL: urls.join(', ') },
    })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    for (const url of urls) expect(stderr).toContain(`${url} refuses the connection`)
    expect(stderr).toContain('NOT FROZEN: no control plane accepted the order')
    expect(stderr).toContain('an empty file named FREEZE')
  })

  test('--wait names each worker that has proven, and the milliseconds', async () => {
    control.answerOrder = proving(['gw-1/0', 'gw-1/1'], [])
    const { code, stdout } = await give(['freeze', '--reason', 'leak', '--wait'])
    expect(code).toBe(0)
    expect(control.orders[0]?.wait).toBe('2s')
    expect(stdout).toContain('proven    gw-1/0\n')
    expect(stdout).toContain('proven    gw-1/1\n')
    expect(stdout).toContain('2 of 2 proven in 184 ms')
  })

  test('--wait exits 3 and names who has not proven', async () => {
    control.answerOrder = proving(['gw-1/0'], ['gw-2/0'])
    const { code, stdout, stderr } = await give(['freeze', '--reason', 'leak', '--wait', '5s'])
    expect(code).toBe(3)
    expect(control.orders[0]?.wait).toBe('5s')
    expect(stdout).toContain('1 of 2 proven')
    expect(stderr).toContain('NOT PROVEN: gw-2/0')
  })

  test('--wait with a control plane that gives no proof is not confirmed', async () => {
    const { code } = await give(['freeze', '--reason', 'leak', '--wait'])
    expect(code).toBe(3)
  })

  test('--json has stable fields', async () => {
    control.answerOrder = proving(['gw-1/0'], ['gw-2/0'])
    const { code, stdout } = await give(['freeze', '--reason', 'leak', '--incident', 'INC-7', '--wait', '--json'])
    const id = control.orders[0]?.id
    const accepted = { epoch: 4, covers: ['a.read'], durable: true }
    expect(code).toBe(3)
    expect(json(stdout)).toEqual({
      id,
      ...accepted,
      mode: 'deny',
      scope: { all: true },
      incident: 'INC-7',
      confirmed: false,
      missing: ['gw-2/0'],
      controls: [
        {
          control: control.url,
          accepted: true,
          ...accepted,
          proof: { proven: ['gw-1/0'], missing: ['gw-2/0'], elapsedMs: 184.2 },
        },
      ],
    })
  })

  test('a lock that no disk holds is accepted, and said to be in memory alone', async () => {
    control.answerOrder = ({ id }) => ({ status: 201, body: { id, epoch: 4, covers: [], durable: false } })
    const { code, stdout } = await give(['freeze', '--reason', 'leak'])
    expect(code).toBe(0)
    expect(stdout).toContain('held in memory alone')
  })

  test('an order that came there before by another way holds', async () => {
    control.answerOrder = ({ id }) => problem(409, 'conflict', 'this order was accepted before', { id, epoch: 9 })
    const { code, stdout } = await give(['freeze', '--reason', 'leak'])
    expect(code).toBe(0)
    expect(stdout).toContain('epoch 9')
  })

  test('a second delivery brings no proof, and the first one speaks for it', async () => {
    control.answerOrder = ({ id }) => problem(409, 'conflict', 'this order was accepted before', { id, epoch: 4 })
    expect((await give(['freeze', '--reason', 'leak', '--wait'])).code).toBe(3)
    const other = await startStandIn({ keys })
    other.answerOrder = proving(['gw-1/0'], [])
    const { code } = await give(['freeze', '--reason', 'leak', '--wait', '--control', other.url])
    await other.close()
    expect(code).toBe(0)
  })

  test('an answer for another order than was sent is not believed', async () => {
    control.answerOrder = () => ({ status: 201, body: { id: 'other', epoch: 4, covers: [], durable: true } })
    const { code, stderr } = await give(['freeze', '--reason', 'leak'])
    expect(code).toBe(1)
    expect(stderr).toContain('do not trust it')
  })

  test('the name in the order is that of --as, else that of the key file', async () => {
    const { code, stderr } = await give(['freeze', '--reason', 'leak', '--as', 'stranger'])
    expect(code).toBe(1)
    expect(stderr).toContain('(401 unknown signer): no responder has signed this')
  })
})

describe('lock', () => {
  test('needs a scope', async () => {
    const { code, stderr } = await give(['lock', '--reason', 'x'])
    expect(code).toBe(2)
    expect(stderr).toContain('portcullis freeze')
    expect(control.requests).toEqual([])
  })

  test('carries mode, time, status and messages', async () => {
    const flags = [
      '--route',
      'a.read',
      '--mode',
      'throttle',
      '--limit',
      '6/m',
      '--ttl',
      '2h',
      '--on-expiry',
      'open',
      '--status',
      '423',
    ]
    const { code } = await give([
      'lock',
      '--reason',
      'x',
      '--incident',
      'I',
      ...flags,
      '--message-en',
      'Back soon.',
      '--message-hi',
      'जल्द वापस',
    ])
    expect(code).toBe(0)
    expect(control.orders[0]?.order).toEqual({
      kind: 'lock',
      scope: { routes: ['a.read'] },
      mode: 'throttle',
      limit: '6/m',
      ttl: '2h',
      onExpiry: 'open',
      status: 423,
      message: { en: 'Back soon.', hi: 'जल्द वापस' },
      reason: 'x',
      incident: 'I',
    })
  })

  test.each([
    [['--mode', 'denied'], 'Allowed choices are deny'],
    [['--ttl', 'soon'], '--ttl must be a duration'],
    [['--limit', '6/m'], '--limit goes with mode throttle'],
    [['--status', '404'], 'Allowed choices are 503'],
    [['--wait', 'long'], 'Give a duration'],
    [['--wait', '31s'], 'at most 30s'],
  ])('%j is refused before anything is sent', async (flags, expected) => {
    const { code, stderr } = await give(['lock', '--route', 'a.read', '--reason', 'x', ...flags])
    expect(code).toBe(2)
    expect(stderr).toContain(expected)
    expect(control.requests).toEqual([])
  })

  test('people come from stdin, go to the gateway for pseudonyms, and stand in no order and no output', async () => {
    const { code, stdout, stderr } = await give(['lock', '--subject', '--tag', 'pii', '--reason', 'x'], {
      input: '9999900001\n\n 9999900002 \n9999900001\n',
    })
    expect(code).toBe(0)
    expect(control.identifiers).toEqual(['9999900001', '9999900002'])
    expect(control.orders[0]?.order.scope).toEqual({
      tags: ['pii'],
      subjects: [pseudonym('subject', '9999900001'), pseudonym('subject', '9999900002')],
    })
    expect(JSON.stringify(control.orders)).not.toContain('99999')
    expect(stdout + stderr).not.toContain('99999')
  })

  test('two kinds of people at once are refused: stdin cannot tell them apart', async () => {
    const { code } = await give(['lock', '--subject', '--principal', '--reason', 'x'], { input: '1\n' })
    expect(code).toBe(2)
  })

  test('an identifier on the command line is refused', async () => {
    const { code, stderr } = await give(['lock', '--reason', 'x', '--subject', '9999900001'])
    expect(code).toBe(2)
    expect(stderr).toContain('do not belong on the command line')
    expect(stderr).not.toContain('99999')
    expect(control.requests).toEqual([])
  })

  test('a pseudonym from the trail may stand on the command line, and asks nobody', async () => {
    const [one, two] = [pseudonym('session', '1'), pseudonym('session', '2')]
    const { code } = await give(['lock', '--session', one, '--session', two, '--reason', 'x'])
    expect(code).toBe(0)
    expect(control.orders[0]?.order.scope).toEqual({ sessions: [one, two] })
    expect(control.requests).toEqual(['GET /healthz', 'POST /api/v1/orders'])
    await give(['sessions', 'revoke', '--session', one, '--subject', '--reason', 'x'], { input: '9999900001\n' })
    expect(control.orders.slice(1).map(({ order }) => [order.session, order.subject])).toEqual([
      [one, undefined],
      [undefined, pseudonym('subject', '9999900001')],
    ])
  })

  test('an order that came too late shows the clock of the gateway', async () => {
    control.answerOrder = () => problem(400, 'bad order', 'iat is off', { now: 1_767_328_200 })
    const { stderr } = await give(['lock', '--tag', 'pii', '--reason', 'x'])
    expect(stderr).toContain('iat is off\n')
    expect(stderr).toContain('its clock says 2026-01-02 04:30:00 UTC')
  })

  test('nobody on stdin is refused', async () => {
    const { code, stderr } = await give(['lock', '--subject', '--reason', 'x'], { input: '\n' })
    expect(code).toBe(2)
    expect(stderr).toContain('give them on stdin')
  })

  test('gateways with pseudonym keys of their own are each asked, and the order names the person by every name', async () => {
    const other = await startStandIn({
      keys,
      intercept: (request, response) => {
        if (request.url !== '/api/v1/pseudonyms') return false
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ pseudonyms: [`k2.${'x'.repeat(22)}`] }))
        return true
      },
    })
    await give(['lock', '--session', '--reason', 'x', '--control', other.url], { input: 'abc\n' })
    await other.close()
    expect(control.orders[0]?.order.scope).toEqual({ sessions: [`k2.${'x'.repeat(22)}`, pseudonym('session', 'abc')] })
  })

  test("a refusal shows the gateway's own words, one line a problem", async () => {
    control.answerOrder = () =>
      problem(400, 'bad order', 'two things', {
        problems: ['order.scope.routes: there is no "a.raed", did you mean "a.read"?', 'second'],
      })
    const { code, stderr } = await give(['lock', '--route', 'a.raed', '--reason', 'x'])
    expect(code).toBe(1)
    expect(stderr).toContain(
      `${control.url} refuses (400 bad order): order.scope.routes: there is no "a.raed", did you mean "a.read"?\n`,
    )
    expect(stderr).toContain('second\n')
  })
})

describe('sessions revoke', () => {
  test('needs to know which', async () => {
    const { code, stderr } = await give(['sessions', 'revoke', '--reason', 'x'])
    expect(code).toBe(2)
    expect(stderr).toContain('--before TIME')
  })

  test('by age and client', async () => {
    const { code, stdout } = await give([
      'sessions',
      'revoke',
      '--before',
      '2026-01-02T10:00:00+05:30',
      '--client',
      'kiosk',
      '--reason',
      'x',
      '--incident',
      'I',
    ])
    expect(code).toBe(0)
    expect(control.orders[0]?.order).toEqual({
      kind: 'revoke',
      before: '2026-01-02T04:30:00.000Z',
      client: 'kiosk',
      reason: 'x',
      incident: 'I',
    })
    expect(stdout).toContain('REVOKED  sessions of client kiosk opened before 2026-01-02 04:30:00 UTC')
  })

  test('by how long ago', async () => {
    await give(['sessions', 'revoke', '--before', '15m', '--reason', 'x'])
    const before = Date.parse(String(control.orders[0]?.order.before))
    expect(Math.abs(Date.now() - 900_000 - before)).toBeLessThan(30_000)
  })

  test('one order for each person from stdin', async () => {
    const { code, stdout } = await give(['sessions', 'revoke', '--subject', '--reason', 'x', '--json'], {
      input: '9999900001\n9999900002\n',
    })
    expect(code).toBe(0)
    expect(control.orders.map((each) => each.order.subject)).toEqual([
      pseudonym('subject', '9999900001'),
      pseudonym('subject', '9999900002'),
    ])
    expect(json(stdout).revocations).toMatchObject(control.orders.map(({ id }) => ({ id, epoch: 4, durable: true })))
  })

  test('a time that is none, and a missing reason, are refused before anything is sent', async () => {
    expect((await give(['sessions', 'revoke', '--before', 'yesterday', '--reason', 'x'])).code).toBe(2)
    expect((await give(['sessions', 'revoke', '--before', 'now'])).stderr).toContain('--reason is required')
    expect(control.requests).toEqual([])
  })
})

function proving(proven: readonly string[], missing: readonly string[]): StandIn['answerOrder'] {
  return ({ id }) => ({
    status: 201,
    body: { id, epoch: 4, covers: ['a.read'], durable: true, proof: { proven, missing, elapsedMs: 184.2 } },
  })
}
