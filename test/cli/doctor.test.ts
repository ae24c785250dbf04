// doctor: what a gateway needs on its host, each thing with what to mend; it changes nothing, and says so by its exit code.
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  prepareGateway,
  startRawUpstream,
  DEFAULT_ROUTES,
  type GatewayProcess,
  type Upstream,
} from '../support/gateway-process.ts'
import { run, type Outcome } from './support.ts'

let upstream: Upstream
let gateway: GatewayProcess

beforeEach(async () => {
  upstream = await startRawUpstream()
  gateway = await prepareGateway({ upstreamPort: upstream.port, routes: DEFAULT_ROUTES })
})
afterEach(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

const doctor = (...args: readonly string[]): Promise<Outcome> =>
  run(['doctor', '--config', gateway.configFile, ...args], { cwd: gateway.home })
interface Found {
  readonly is: string
  readonly of: string
  readonly text: string
  readonly mend?: string
}
const findings = async (...args: readonly string[]): Promise<readonly Found[]> =>
  (JSON.parse((await doctor('--json', ...args)).stdout) as { findings: Found[] }).findings

test('a host that has all is well, before the first start and while the gateway runs; nothing is left behind', async () => {
  const before = await doctor()
  expect([before.code, before.stdout]).toEqual([0, expect.stringMatching(/^WELL {2}\d+ looked at$/m)])
  expect(before.stdout).toMatch(/free, the gateway does not run/)
  await gateway.start()
  const control = `http://127.0.0.1:${gateway.controlPort}`
  const running = await findings('--control', control)
  expect(running.filter(({ is }) => is !== 'well')).toEqual([])
  expect(running.find(({ of }) => of === 'clock')?.text).toBe(`${control}: within a second of this clock`)
  expect(running.find(({ of }) => of === 'control.listen')?.text).toMatch(/the gateway runs/)
  expect(readdirSync(join(gateway.home, 'data')).filter((name) => name.includes('doctor'))).toEqual([])
})

test('what is wrong is named with what would be right, and the command ends with 1', async () => {
  await gateway.start()
  await gateway.stop()
  await upstream.close()
  chmodSync(join(gateway.home, 'data/gateway.key'), 0o644)
  const wrong = (await findings()).filter(({ is }) => is === 'bad')
  expect(wrong).toEqual([
    {
      is: 'bad',
      of: 'store.dir',
      text: expect.stringMatching(/gateway.key can be read by others \(mode 0644\)/),
      mend: expect.stringMatching(/^chmod 600 /),
    },
    {
      is: 'bad',
      of: 'upstreams.registry',
      text: expect.stringMatching(/ECONNREFUSED/),
      mend: expect.stringMatching(/start it/),
    },
  ])
  const { code, stdout } = await doctor()
  expect([code, stdout]).toEqual([1, expect.stringMatching(/^2 TO MEND/m)])
})

test('a config that is wrong ends with 2, and nothing else is looked at', async () => {
  writeFileSync(gateway.configFile, 'routes: none\n')
  const { code, stdout } = await doctor()
  expect([code, stdout]).toEqual([2, expect.stringMatching(/MEND {6}config/)])
  expect(stdout).not.toMatch(/disk|store.dir/)
})

test('a port that somebody else has is found, and a clock that cannot be compared is doubtful', async () => {
  const config = gateway.configFile
  const taken = await startRawUpstream()
  const text = (await import('node:fs')).readFileSync(config, 'utf8')
  writeFileSync(config, text.replace(`127.0.0.1:${gateway.port}`, `127.0.0.1:${taken.port}`))
  const found = await findings()
  await taken.close()
  expect(found.find(({ of }) => of === 'gateway.listen')).toMatchObject({
    is: 'bad',
    text: expect.stringMatching(/something else listens/),
  })
  expect(found.find(({ of }) => of === 'clock')).toMatchObject({
    is: 'doubtful',
    mend: expect.stringMatching(/--control/),
  })
})
