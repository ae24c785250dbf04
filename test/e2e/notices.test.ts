// Told, and proven afterwards: two gateways and a real Redis, a receiver of signed messages, Alertmanager's webhook, and a certificate
// that is checked offline from a file.
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis, fleetStoreOf } from '../support/fleet-processes.ts'
import {
  DEFAULT_ROUTES,
  eventually,
  LOCK_ALL,
  makePerson,
  prepareGateway,
  runCommand,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

const withRedis = describeWithRedis('messages of a fleet were')
const FLEET = 'notices-e2e'
const [desk, lead, chief] = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
]
const ALERT_TOKEN = 'a-token-for-alerts'

interface Message {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

withRedis('two gateways that tell', () => {
  let redis: RedisServer
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let receiver: Server
  let gateways: GatewayProcess[] = []
  const told: Message[] = []
  const badSignatures: string[] = []
  const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-notices-'))
  const key = randomBytes(32)
  const at = (index: number): GatewayProcess => gateways[index] as GatewayProcess
  const order = (words: Record<string, unknown>, who = desk) => signOrder(who, words, { aud: FLEET })
  const cli = (...args: readonly string[]) =>
    runCommand(args, {
      PORTCULLIS_CONTROL: `http://127.0.0.1:${at(0).controlPort}`,
      PORTCULLIS_KEY: path.join(home, 'night-desk.key'),
    })
  const of = (type: string): readonly Message[] => told.filter((each) => each.type === type)
  const accepted = async (answer: Response): Promise<{ id: string; epoch: number }> => {
    if (answer.status !== 201) throw new Error(await answer.text())
    return (await answer.json()) as { id: string; epoch: number }
  }

  beforeAll(async () => {
    receiver = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        const { 'webhook-id': id, 'webhook-timestamp': stamp, 'webhook-signature': signature } = request.headers
        const right = `v1,${createHmac('sha256', key)
          .update(`${String(id)}.${String(stamp)}.${body}`)
          .digest('base64')}`
        if (signature !== right) badSignatures.push(body)
        told.push(JSON.parse(body) as Message)
        response.writeHead(204).end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    writeFileSync(path.join(home, 'hook.secret'), `whsec_${key.toString('base64')}\n`, { mode: 0o600 })
    for (const { name, privateKey } of [desk, lead, chief])
      writeFileSync(path.join(home, `${name}.key`), privateKey.export({ format: 'pem', type: 'pkcs8' }), {
        mode: 0o600,
      })
    ;[redis, upstream] = [await startRedis(), await startRawUpstream()]
    const store = fleetStoreOf(home, FLEET)({ url: redis.url })
    const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
    const extra = `notify: { webhooks: [{ url: "${hook}", secretFile: "${path.join(home, 'hook.secret')}" }], networks: [127.0.0.0/8], console: "https://ops.example.in" }`
    gateways = await Promise.all(
      [0, 1].map(() =>
        prepareGateway({
          ...{
            upstreamPort: upstream.port,
            routes: DEFAULT_ROUTES,
            workers: 2,
            people: [desk, lead, chief],
            store,
            extra,
          },
        }),
      ),
    )
    for (const gateway of gateways) {
      const config = readFileSync(gateway.configFile, 'utf8')
      const sha256 = createHash('sha256').update(ALERT_TOKEN).digest('hex')
      const receiverConfig = `  alertmanager: { token: { sha256: "${sha256}" }, rules: [{ match: { alertname: RecordScraping }, action: observe, scope: { tags: [pii] } }] }\n`
      writeFileSync(
        gateway.configFile,
        config.replace('  releaseApprovals: 2\n', `  releaseApprovals: 2\n${receiverConfig}`),
      )
    }
    await Promise.all(gateways.map((gateway) => gateway.start('/healthz')))
    expect((await at(0).order(order({ kind: 'genesis', reason: 'a new fleet' }, lead))).status).toBe(201)
    for (const gateway of gateways)
      expect(await eventually(async () => (await gateway.get('/api/v2/facilities')).status === 200, 10_000)).toBe(true)
  })

  afterAll(async () => {
    await Promise.all(gateways.map((gateway) => gateway.cleanUp()))
    await upstream.close()
    await redis.stop()
    receiver.closeAllConnections()
    await new Promise((resolve) => receiver.close(resolve))
    rmSync(home, { recursive: true, force: true })
  })

  test('a lock, what waits for a signature with the command that gives it, and the release: once for the fleet, signed', async () => {
    const { id } = await accepted(await at(0).order(order(LOCK_ALL), '?wait=5s'))
    expect(await eventually(async () => of('lock.landed').length === 1)).toBe(true)
    expect(of('lock.landed')[0]?.data).toMatchObject({
      fleet: FLEET,
      locks: [{ id, by: 'night-desk', incident: 'INC-7' }],
    })
    const proposed = (await (
      await at(1).order(order({ kind: 'release', locks: [id], reason: 'mended' }, lead))
    ).json()) as {
      id: string
    }
    expect(await eventually(async () => of('release.pending').length === 1)).toBe(true)
    const { approve } = of('release.pending')[0]?.data as { approve: { command: string; link: string } }
    expect(approve.link).toBe(`https://ops.example.in/console/#/release?id=${proposed.id}`)
    // As it stands in the message, but for where the control plane is.
    const args = approve.command
      .replace('https://ops.example.in', `http://127.0.0.1:${at(1).controlPort}`)
      .split(' ')
      .slice(1)
    const approved = await runCommand([...args, '--yes', '--key', path.join(home, 'chief.key')])
    expect([approved.code, approved.stdout]).toEqual([0, expect.stringMatching(/RELEASED/)])
    expect(await eventually(async () => of('lock.released').length === 1)).toBe(true)
    expect([told.length, badSignatures]).toEqual([3, []])
  })

  test('a lock that is withdrawn is told with who did it, alone', async () => {
    const { id } = await accepted(await at(0).order(order({ ...LOCK_ALL, scope: { tags: ['pii'] } })))
    const { code } = await cli('release', id, '--withdraw', '--reason', 'wrong tag')
    expect(code).toBe(0)
    expect(await eventually(async () => of('lock.withdrawn').length === 1)).toBe(true)
    expect(of('lock.withdrawn')[0]?.data).toMatchObject({ locks: [id], by: 'night-desk' })
  })

  test('an alert suggests a lock: told, shown with its command and what it would refuse; nothing is locked', async () => {
    const body = JSON.stringify({
      version: '4',
      alerts: [{ status: 'firing', fingerprint: 'c0ffee', labels: { alertname: 'RecordScraping' }, annotations: {} }],
    })
    const post = (token: string) =>
      fetch(`http://127.0.0.1:${at(0).controlPort}/api/v1/alertmanager`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body,
      })
    expect((await post('another')).status).toBe(401)
    expect((await post(ALERT_TOKEN)).status).toBe(200)
    expect(await eventually(async () => of('lock.suggested').length === 1)).toBe(true)
    const status = await cli('status')
    expect(status.stdout).toMatch(
      /Suggested: 1\n.*RecordScraping.*\n.*portcullis lock --tag pii --reason 'alert RecordScraping'/,
    )
    expect([status.stdout.includes('OPEN'), (await at(0).get('/api/v2/facilities')).status]).toEqual([true, 200])
  })

  test('a gateway that does not prove a freeze is told of, by name; its certificate says so offline, and the whole one holds', async () => {
    const whole = await accepted(await at(0).order(order({ ...LOCK_ALL, scope: { tags: ['pii'] } }), '?wait=5s'))
    const file = path.join(home, 'whole.json')
    expect((await cli('certificate', 'show', String(whole.epoch), '--out', file)).code).toBe(0)
    const keys = path.join(home, 'gateways.keys')
    const vkeys = await Promise.all(
      gateways.map(
        async (gateway) =>
          ((await (await gateway.api('/api/v1/status')).json()) as { audit: { vkey: string } }).audit.vkey,
      ),
    )
    writeFileSync(keys, `# kept elsewhere\n${vkeys.join('\n')}\n`)
    const held = await runCommand(['certificate', 'verify', file, '--keys', keys])
    expect([held.code, held.stdout]).toEqual([0, expect.stringMatching(/^HOLDS {2}/)])
    expect(held.stdout.match(/canaries refused/g)?.length).toBe(4)
    expect((await runCommand(['certificate', 'verify', file, '--key', vkeys[0] ?? ''])).code).toBe(3)
    const forged = path.join(home, 'forged.json')
    writeFileSync(forged, readFileSync(file, 'utf8').replace(/"time": "20/, '"time": "19'))
    const refused = await runCommand(['certificate', 'verify', forged, '--keys', keys])
    expect([refused.code, refused.stdout]).toEqual([
      1,
      expect.stringMatching(/^DOES NOT HOLD[^]*the signature does not hold/),
    ])

    const { name } = ((await (await at(1).api('/api/v1/status')).json()) as { fleet: { gateways: { name: string }[] } })
      .fleet.gateways[0] ?? { name: '' }
    at(1).child().kill('SIGSTOP')
    const { epoch } = await accepted(await at(0).order(order(LOCK_ALL)))
    expect(await eventually(async () => of('proof.missing').length === 1, 15_000)).toBe(true)
    expect(of('proof.missing')[0]?.data).toMatchObject({ missing: [name] })
    const part = path.join(home, 'part.json')
    expect((await cli('certificate', 'show', String(epoch), '--out', part)).code).toBe(0)
    at(1).child().kill('SIGCONT')
    const partly = await runCommand(['certificate', 'verify', part, '--keys', keys])
    expect([partly.code, partly.stdout]).toEqual([3, expect.stringMatching(new RegExp(`MISSING {2}${name}`))])
  })
})
