// advisory-classes E06: a trail that somebody has had their hands on.
import { cpSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, expect } from '@jest/globals'
import { verifyTrail } from '../../../src/audit/verify.ts'
import { checklist } from '../../support/checklist.ts'
import { runCommand, startGateway, startRawUpstream } from '../../support/gateway-process.ts'
import { connectRaw } from '../../support/raw-client.ts'
import { request } from '../../support/start-data-plane.ts'

const { line, counts } = checklist('advisory-classes E, tampering')
const cleanUps: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})
const ROUTES = '\n  - { id: open, path: /open, methods: [GET], upstream: registry, session: none }\n'

line('E06', 'a trail that was changed, cut, swapped or put back is refused (its vectors: test/audit)', async () => {
  const upstream = await startRawUpstream()
  const gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES })
  cleanUps.push(
    () => gateway.cleanUp(),
    () => upstream.close(),
  )
  const askAndStop = async (count: number): Promise<void> => {
    const client = await connectRaw(gateway.port)
    client.write(request('GET', '/open').repeat(count))
    for (let each = 0; each < count; each++) await client.response()
    expect(await gateway.stop()).toBe(0)
  }
  await askAndStop(300)
  const dir = path.join(gateway.home, 'data/audit')
  const earlier = path.join(gateway.home, 'earlier')
  cpSync(dir, earlier, { recursive: true })
  await gateway.start()
  await askAndStop(1)
  const verify = async (at: string, checkpoint?: string): Promise<boolean> =>
    (await verifyTrail(at, checkpoint === undefined ? {} : { checkpoint: readFileSync(checkpoint, 'utf8') })).ok
  expect([await verify(dir), await verify(earlier)]).toEqual([true, true])
  const entries = globSync('tile/entries/**', { cwd: dir }).filter((file) => statSync(path.join(dir, file)).isFile())
  const [first = '', second = first] = entries
  const tampered = async (change: (copy: string) => void): Promise<boolean> => {
    const copy = path.join(gateway.home, 'copy')
    cpSync(dir, copy, { recursive: true })
    change(copy)
    const isIntact = await verify(copy)
    rmSync(copy, { recursive: true })
    return isIntact
  }
  const edit = (file: string, change: (bytes: Buffer) => Buffer) => (copy: string) => {
    writeFileSync(path.join(copy, file), change(readFileSync(path.join(copy, file))))
  }
  const changes = {
    'one bit': edit(first, (bytes) => {
      bytes[500] = (bytes[500] ?? 0) ^ 1
      return bytes
    }),
    'a tail cut': edit(first, (bytes) => bytes.subarray(0, -40)),
    'a record twice': edit(first, (bytes) => Buffer.concat([bytes, bytes.subarray(0, 2 + bytes.readUInt16BE(0))])),
    'a tile gone': (copy: string): void => {
      rmSync(path.join(copy, first))
    },
    'two tiles swapped': (copy: string): void => {
      const [a, b] = [path.join(copy, first), path.join(copy, second === first ? 'checkpoint' : second)]
      const bytes = readFileSync(a)
      writeFileSync(a, readFileSync(b))
      writeFileSync(b, bytes)
    },
    'a checkpoint edited': edit('checkpoint', (bytes) =>
      Buffer.from(bytes.toString().replace(/^\d+$/m, (size) => String(Number(size) + 1))),
    ),
  }
  for (const [name, change] of Object.entries(changes)) expect([name, await tampered(change)]).toEqual([name, false])
  // What was put back whole is found against a checkpoint that was kept elsewhere.
  expect(await verify(earlier, path.join(dir, 'checkpoint'))).toBe(false)
  expect((await runCommand(['audit', 'verify', earlier, '--checkpoint', path.join(dir, 'checkpoint')])).code).toBe(1)
})

counts()
