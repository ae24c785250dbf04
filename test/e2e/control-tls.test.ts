// The control plane over TLS: orders by the command line with the authority named, and none without it.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { DEFAULT_ROUTES, eventually, MAIN, NODE_FLAGS, prepareGateway, runCommand } from '../support/gateway-process.ts'

test('freezes over TLS where the certificate is trusted, and says what to do where it is not', async () => {
  const gateway = await prepareGateway({ upstreamPort: 9, routes: DEFAULT_ROUTES })
  const at = (name: string): string => path.join(gateway.home, name)
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    at('tls.key'),
    '-out',
    at('tls.pem'),
    '-days',
    '2',
    ...subject,
  ])
  expect(made.status).toBe(0)
  writeFileSync(
    gateway.configFile,
    readFileSync(gateway.configFile, 'utf8').replace(
      '  releaseApprovals: 2',
      '  tls: { cert: ./tls.pem, key: ./tls.key }\n  releaseApprovals: 2',
    ),
  )
  const [desk] = gateway.people
  writeFileSync(at('night-desk.key'), desk?.privateKey.export({ type: 'pkcs8', format: 'pem' }) ?? '', { mode: 0o600 })
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN, 'serve', '--config', gateway.configFile], {
    stdio: 'ignore',
  })
  try {
    const control = `https://127.0.0.1:${gateway.controlPort}`
    const order = [
      'freeze',
      '--control',
      control,
      '--key',
      at('night-desk.key'),
      '--reason',
      'leak',
      '--incident',
      'INC-1',
    ]
    expect(
      await eventually(
        async () =>
          fetch(gateway.url).then(
            () => true,
            () => false,
          ),
        10_000,
      ),
    ).toBe(true)
    const trusted = (): Promise<{ code: number | null }> => runCommand([...order, '--ca', at('tls.pem'), '--wait'])
    expect(await eventually(async () => (await trusted()).code === 0, 10_000)).toBe(true)
    expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
    const stranger = await runCommand(order)
    expect(stranger.code).toBe(1)
    expect(stranger.stderr).toContain('--ca')
  } finally {
    child.kill('SIGKILL')
    await gateway.cleanUp()
  }
})
