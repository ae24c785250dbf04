// The command line and fleets: orders are for the fleet that the control planes name, and say who is missing.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { startStandIn, type StandIn } from '../support/cli-control.ts'
import { deafPort, emptyFolder, json, keygen, run, type Outcome } from './support.ts'

const GATEWAY = 'portcullis/gateway-0123456789ab'
let folder: string
let control: StandIn
let fleet: string | undefined

beforeEach(async () => {
  folder = emptyFolder()
  fleet = 'cowin-prod'
  const keys = { lead: await keygen(folder, 'lead', 'commander') }
  control = await startStandIn({
    keys,
    intercept(request, response) {
      if (request.url !== '/healthz') return false
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ status: 'alive', ...(fleet === undefined ? {} : { fleet }) }))
      return true
    },
  })
})
afterEach(() => control.close())

const give = (args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> =>
  run([...args, '--key', 'lead.key', '--control', control.url], { cwd: folder, env })

describe('the name of the fleet', () => {
  test('comes from the control plane, and stands in the order as aud', async () => {
    expect((await give(['freeze', '--reason', 'leak'])).code).toBe(0)
    expect(control.orders[0]?.claims.aud).toEqual(['cowin-prod'])
  })

  test('is absent where there is no fleet', async () => {
    fleet = undefined
    expect((await give(['freeze', '--reason', 'leak'])).code).toBe(0)
    expect(control.orders[0]?.claims).not.toHaveProperty('aud')
  })

  test('may be given, by flag or by environment; then nobody is asked', async () => {
    await give(['freeze', '--reason', 'leak', '--fleet', 'other'])
    await give(['freeze', '--reason', 'leak'], { PORTCULLIS_FLEET: 'third' })
    expect(control.orders.map(({ claims }) => claims.aud)).toEqual([['other'], ['third']])
    expect(control.requests).toEqual(['POST /api/v1/orders', 'POST /api/v1/orders'])
  })

  test('a control plane that does not answer keeps nobody waiting', async () => {
    const deaf = `http://127.0.0.1:${await deafPort()}`
    const { code } = await give(['freeze', '--reason', 'leak', '--control', deaf])
    expect(code).toBe(0)
    expect(control.orders[0]?.claims.aud).toEqual(['cowin-prod'])
  })
})

describe('the fleet command', () => {
  test('founds', async () => {
    const { code, stdout } = await give(['fleet', 'genesis', '--reason', 'a new fleet'])
    expect([code, control.orders[0]?.order]).toEqual([0, { kind: 'genesis', reason: 'a new fleet' }])
    expect(stdout).toMatch(/^FOUNDED/)
  })

  test('forgets', async () => {
    const { code } = await give(['fleet', 'forget', GATEWAY, '--reason', 'burnt'])
    expect([code, control.orders[0]?.order]).toEqual([0, { kind: 'forget', gateway: GATEWAY, reason: 'burnt' }])
  })

  test('what is no name of a gateway, and what has no reason, is refused before anything is sent', async () => {
    const wrong = await give(['fleet', 'forget', 'gw-1', '--reason', 'x'])
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/the name of a gateway/)])
    expect((await give(['fleet', 'genesis'])).code).toBe(2)
    expect(control.orders).toEqual([])
  })
})

test('who is missing is named with its address, when it was seen, and what it does meanwhile', async () => {
  control.answerOrder = ({ id }) => ({
    status: 201,
    body: {
      ...{ id, epoch: 4, covers: ['a'], durable: true },
      proof: {
        proven: ['portcullis/gateway-aaaaaaaaaaaa/w1'],
        missing: [GATEWAY],
        elapsedMs: 2000,
        gateways: { proven: 1, total: 2 },
        missingGateways: [
          {
            name: GATEWAY,
            state: 'missing',
            address: 'http://10.0.0.7:9080',
            lastSeen: '2026-01-02T03:04:05.000Z',
            fenced: { since: '2026-01-02T03:04:07.000Z' },
          },
        ],
      },
    },
  })
  const { code, stdout } = await give(['freeze', '--reason', 'leak', '--wait'])
  expect(code).toBe(3)
  expect(stdout).toContain(
    `${GATEWAY} (http://10.0.0.7:9080): last seen 2026-01-02T03:04:05.000Z, in its posture since 2026-01-02T03:04:07.000Z`,
  )
  const machine = await give(['freeze', '--reason', 'leak', '--wait', '--json'])
  expect(json(machine.stdout).confirmed).toBe(false)
})
