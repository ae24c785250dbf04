// Certificates of the data plane that are no good: refused at start, and by a reload, with the file named.
import { readFileSync, writeFileSync } from 'node:fs'
import { afterEach, expect, test } from '@jest/globals'
import { DEFAULT_ROUTES, eventually, prepareGateway, type GatewayProcess } from '../support/gateway-process.ts'

let gateway: GatewayProcess
afterEach(() => gateway.cleanUp())

function edit(from: string, to: string): void {
  const text = readFileSync(gateway.configFile, 'utf8')
  if (!text.includes(from)) throw new Error(`the config has no ${from}`)
  writeFileSync(gateway.configFile, text.replace(from, to))
}

test('a gateway whose certificate is not there does not start', async () => {
  gateway = await prepareGateway({
    upstreamPort: 9,
    routes: DEFAULT_ROUTES,
    gatewayExtra: ', tls: { cert: ./gate.crt, key: ./gate.key }',
  })
  await expect(gateway.start()).rejects.toThrow(/gateway\.tls: \/.*\/gate\.crt does not exist/)
  expect(gateway.log()).toMatch(/gateway\.tls: \/.*\/gate\.key does not exist/)
  expect(gateway.log()).not.toContain('"ready"')
})

test('nor does one whose upstream has an authority that is none; a reload to it keeps the running config', async () => {
  gateway = await prepareGateway({ upstreamPort: 9, routes: DEFAULT_ROUTES })
  writeFileSync(`${gateway.home}/ca.crt`, 'ours\n')
  await gateway.start()
  edit('url: "http://127.0.0.1:9"', 'url: "https://127.0.0.1:9", tls: { ca: ./ca.crt }')
  const refused = /upstreams\.registry\.tls: \/.*\/ca\.crt holds no certificate in PEM/
  expect(await eventually(async () => refused.test(await (await gateway.api('/api/v1/status')).text()), 15_000)).toBe(
    true,
  )
  await gateway.stop()
  await expect(gateway.start()).rejects.toThrow(refused)
})
