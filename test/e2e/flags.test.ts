// Locks by file: what locks.yaml locked it opens, by an explicit word alone; FREEZE locks with no signature and opens by two.
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  DEFAULT_ROUTES,
  eventually,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'

let gateway: GatewayProcess
let upstream: Upstream

beforeEach(async () => {
  upstream = await startRawUpstream()
  gateway = await startGateway({ upstreamPort: upstream.port, routes: DEFAULT_ROUTES })
})
afterEach(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

const flags = (): string => path.join(gateway.home, 'locks.yaml')
const answers = (status: number) => async (): Promise<boolean> =>
  (await gateway.get('/api/v2/facilities')).status === status

/** What is wrong with each of the texts is told in words of its own: once they come, it was read. */
async function afterNextRead(before: string): Promise<string> {
  let now = before
  const isTold = async (): Promise<boolean> => {
    now = ((await (await gateway.api('/api/v1/status')).json()) as { problems: string[] }).problems.join('\n')
    return now !== before
  }
  expect(await eventually(isTold)).toBe(true)
  return now
}

test('emptied, cut off, garbled or deleted, the file opens nothing, also over a restart', async () => {
  const whole = 'freeze: false\nreason: drill\nincident: INC-8\nroutes: { facilities: deny }\n'
  writeFileSync(flags(), whole)
  expect(await eventually(answers(503))).toBe(true)
  let told = ''
  for (const text of [
    '',
    whole.slice(0, 20),
    'freeze: false\nreason: drill\nincident: INC-8',
    '{{{',
    'freeze: maybe\n',
    '[]\n',
  ]) {
    writeFileSync(flags(), text)
    told = await afterNextRead(told)
    expect(await answers(503)()).toBe(true)
  }
  rmSync(flags())
  await afterNextRead(told)
  expect(await answers(503)()).toBe(true)
  await gateway.stop('SIGKILL')
  await gateway.start()
  expect(await answers(503)()).toBe(true)
  writeFileSync(flags(), 'freeze: false\nroutes: { facilities: open }\n')
  expect(await eventually(answers(200))).toBe(true)
})

test('a file put in place by renaming, as a ConfigMap or an editor does, is applied', async () => {
  writeFileSync(`${flags()}.new`, 'freeze: true\nreason: leak\nincident: INC-9\n')
  renameSync(`${flags()}.new`, flags())
  expect(await eventually(answers(503))).toBe(true)
  writeFileSync(`${flags()}.new`, 'freeze: false\n')
  renameSync(`${flags()}.new`, flags())
  expect(await eventually(answers(200))).toBe(true)
})

test('a locks file that names an unknown route changes nothing and is named in the status', async () => {
  writeFileSync(flags(), 'freeze: false\nreason: x\nincident: I\nroutes: { facilites: deny }\n')
  const named = async (): Promise<boolean> => {
    const { problems } = (await (await gateway.api('/api/v1/status')).json()) as { problems: string[] }
    return problems.some((problem) => problem.includes('facilites') && problem.includes('facilities'))
  }
  expect(await eventually(named)).toBe(true)
  expect(await answers(200)()).toBe(true)
})

test('FREEZE freezes with no signature, deleting it releases nothing, two people do', async () => {
  const [, lead, chief] = gateway.people
  const file = path.join(gateway.home, 'data/FREEZE')
  writeFileSync(file, '')
  expect(await eventually(answers(503))).toBe(true)
  rmSync(file)
  await gateway.stop('SIGKILL')
  await gateway.start()
  expect(await answers(503)()).toBe(true)
  const { locks } = (await (await gateway.api('/api/v1/status')).json()) as { locks: { id: string; source: string }[] }
  expect(locks.map(({ source }) => source)).toEqual(['freeze'])
  const proposal = (await (
    await gateway.order(signOrder(lead!, { kind: 'release', locks: [locks[0]!.id], reason: 'drill over' }))
  ).json()) as { id: string }
  expect(await answers(503)()).toBe(true)
  expect((await gateway.order(signOrder(chief!, { kind: 'approve', release: proposal.id }))).status).toBe(201)
  expect(await answers(200)()).toBe(true)
})

test('FREEZE that is there at start freezes before the first request', async () => {
  await gateway.stop()
  writeFileSync(path.join(gateway.home, 'data/FREEZE'), '')
  await gateway.start()
  expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
  expect(upstream.received()).toBe('')
})

test('an order put into the orders directory is taken, once', async () => {
  const dir = path.join(gateway.home, 'data/orders')
  const jws = signOrder(gateway.people[0]!, {
    kind: 'lock',
    scope: { routes: ['facilities'] },
    reason: 'by file',
    incident: 'INC-3',
  })
  writeFileSync(path.join(dir, 'one.part'), jws)
  renameSync(path.join(dir, 'one.part'), path.join(dir, 'one.jws'))
  expect(await eventually(answers(503))).toBe(true)
  appendFileSync(path.join(dir, 'two.part'), 'no order')
  renameSync(path.join(dir, 'two.part'), path.join(dir, 'two.jws'))
  const { existsSync } = await import('node:fs')
  expect(
    await eventually(
      async () => existsSync(path.join(dir, 'two.jws.refused')) || existsSync(path.join(dir, 'two.refused')),
    ),
  ).toBe(true)
})
