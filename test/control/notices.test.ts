// Messages to the outside: signed as the standard says, tried again, bounded, and led nowhere that the config has not allowed.
import { createHash, createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createNoticeMemory } from '../../src/adapters/file/notice-memory.ts'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { webhookAddresses } from '../../src/adapters/ipaddr/webhook-addresses.ts'
import { createWebhookSender } from '../../src/adapters/node/webhook-sender.ts'
import { createDeskNotices } from '../../src/control/notices/desk-notices.ts'
import { createNotifier, type Notifier } from '../../src/control/notices/notifier.ts'
import type { Notice } from '../../src/core/notice.ts'
import type { NoticeMemory } from '../../src/ports/notice-memory.ts'
import { createRig, people, ROUTES } from '../support/control-desk.ts'
import { createFakeClock, createFakeLogger, createFakeRandomness, START } from '../support/control-ports.ts'
import { LOCK_ALL } from '../support/control-signing.ts'

interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}
const SECRET = Buffer.from('a key of at least twenty-four bytes')
const LOOPBACK = ['127.0.0.0/8', '::1/128']

let server: Server
let received: Received[]
let answer: (count: number) => number | undefined
let url: string
const notifiers: Notifier[] = []

beforeEach(async () => {
  received = []
  answer = () => 204
  server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      received.push({ headers: request.headers, body })
      const status = answer(received.length)
      if (status === undefined) return
      response.writeHead(status, status === 302 ? { location: url } : {}).end('x'.repeat(100_000))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/secret-path`
})
afterEach(async () => {
  for (const notifier of notifiers.splice(0)) await notifier.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

function open(
  more: {
    networks?: readonly string[]
    waitsMs?: readonly number[]
    events?: string[]
    to?: string
    memory?: NoticeMemory
  } = {},
) {
  const results: string[] = []
  const logger = createFakeLogger()
  const isAllowed = webhookAddresses(createAddresses(), more.networks ?? LOOPBACK)
  const notifier = createNotifier({
    sender: createWebhookSender({ timeoutMs: 2_000, isAllowed }),
    receivers: () => [
      {
        url: more.to ?? url,
        name: 'hooks',
        secret: SECRET,
        ...(more.events === undefined ? {} : { events: more.events }),
      },
    ],
    clock: createFakeClock(),
    randomness: createFakeRandomness(),
    logger,
    onResult: (result) => void results.push(result),
    idOf: (text) =>
      text.startsWith('http') ? createHash('sha256').update(text).digest('hex') : text.replaceAll(' ', '-'),
    waitsMs: more.waitsMs ?? [1, 1],
    ...(more.memory === undefined ? {} : { memory: more.memory }),
  })
  notifiers.push(notifier)
  return { notifier, results, logger }
}
const notice = (about: string, type: Notice['type'] = 'lock.landed'): Notice => ({
  type,
  about,
  at: START,
  data: { about },
})

async function eventually(holds: () => boolean): Promise<void> {
  const until = Date.now() + 30_000
  while (!holds()) {
    if (Date.now() > until) throw new Error('it did not come')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('a message', () => {
  test('is signed over its id, time and body, and says what it is', async () => {
    const { notifier, results } = open()
    notifier.tell(notice('lock-1'))
    await eventually(() => results.length === 1)
    const [{ headers, body } = { headers: {}, body: '' }] = received
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = headers
    expect([id, at]).toEqual(['msg_lock.landed-lock-1', String(START / 1000)])
    expect(signature).toBe(`v1,${createHmac('sha256', SECRET).update(`${id}.${at}.${body}`).digest('base64')}`)
    expect(JSON.parse(body)).toEqual({
      type: 'lock.landed',
      timestamp: '2026-01-02T03:04:05.000Z',
      data: { about: 'lock-1' },
    })
    expect(results).toEqual(['delivered'])
  })

  test('is sent again under the same id until it is taken, and only then the next', async () => {
    answer = (count) => (count < 3 ? 500 : 200)
    const { notifier, results } = open()
    notifier.tell(notice('a'))
    notifier.tell(notice('b'))
    await eventually(() => results.length === 4)
    expect(received.map(({ headers }) => headers['webhook-id'])).toEqual(
      ['a', 'a', 'a', 'b'].map((about) => `msg_lock.landed-${about}`),
    )
    expect([results, notifier.problems]).toEqual([['retried', 'retried', 'delivered', 'delivered'], []])
  })

  test('is given up after the last try: log and status say so, without the path', async () => {
    answer = (count) => (count === 1 ? undefined : 503)
    const { notifier, results, logger } = open()
    notifier.tell(notice('a'))
    await eventually(() => results.includes('failed'))
    expect(results).toEqual(['retried', 'retried', 'failed'])
    expect(logger.lines).toEqual([expect.stringMatching(/^error SOMEBODY COULD NOT BE TOLD/)])
    expect(notifier.problems).toEqual(['hooks could not be told lock.landed: it answered 503'])
    expect(JSON.stringify([logger.lines, notifier.problems])).not.toContain('secret-path')
  })

  test.each([
    [302, 'it answered 302: redirects are not followed'],
    [410, 'it answered 410'],
  ])('that is answered %i is not tried again', async (status, why) => {
    answer = () => status
    const { notifier, results } = open()
    notifier.tell(notice('a'))
    await eventually(() => results.length > 0)
    expect([results, received.length, notifier.problems]).toEqual([
      ['failed'],
      1,
      [`hooks could not be told lock.landed: ${why}`],
    ])
  })

  test('of a type that the receiver has not asked for is not sent', async () => {
    const { notifier, results } = open({ events: ['release.pending'] })
    notifier.tell(notice('a'))
    notifier.tell(notice('b', 'release.pending'))
    await eventually(() => results.length === 1)
    expect(received.map(({ body }) => (JSON.parse(body) as Notice).type)).toEqual(['release.pending'])
  })

  test('beyond the bound drops the oldest that waits, and says so', async () => {
    answer = () => undefined
    const { notifier, results } = open({ waitsMs: [60_000] })
    for (let index = 0; index < 300; index++) notifier.tell(notice(String(index)))
    expect(results.filter((result) => result === 'dropped').length).toBe(44)
    expect(notifier.problems.join()).toMatch(/more than 256 messages wait for hooks/)
  })
})

describe('no message goes', () => {
  test.each([
    ['to this machine', url],
    ['to this machine by name', 'localhost'],
    ['to a private network', 'http://10.1.2.3/'],
    ["to a cloud's metadata", 'http://169.254.169.254/latest'],
    ['to IPv6 that is link-local', 'http://[fe80::1]/'],
    ['to IPv4 in IPv6', 'http://[::ffff:127.0.0.1]/'],
  ])('%s where the config has not named it', async (_name, to) => {
    const target = to === 'localhost' ? url.replace('127.0.0.1', 'localhost') : (to ?? url)
    const { notifier, results } = open({ networks: [], waitsMs: [], to: target })
    notifier.tell(notice('a'))
    await eventually(() => results.length === 1)
    expect([results, received.length]).toEqual([['failed'], 0])
    expect(notifier.problems.join()).toMatch(/its address is not public and not in notify.networks/)
  })

  test('to link-local addresses, whatever the config has named', () => {
    const isAllowed = webhookAddresses(createAddresses(), ['0.0.0.0/0', '::/0'])
    expect(['169.254.169.254', 'fe80::1', '::ffff:169.254.169.254'].map(isAllowed)).toEqual([false, false, false])
    expect(['10.0.0.1', '203.0.113.9', '1.1.1.1'].map(isAllowed)).toEqual([true, true, true])
  })
})

describe('a message that waits', () => {
  let home: string
  let file: string
  beforeEach(() => {
    home = mkdtempSync(path.join(tmpdir(), 'portcullis-messages-'))
    file = path.join(home, 'messages.json')
  })
  afterEach(() => {
    rmSync(home, { recursive: true, force: true })
  })
  const kept = (): readonly { to: string; tries: number; notice: Notice }[] =>
    (JSON.parse(readFileSync(file, 'utf8')) as { messages: [] }).messages
  const ids = () => received.map(({ headers }) => headers['webhook-id'])

  test('outlives a restart, and is told under the same id; what was told is not told again', async () => {
    answer = (count) => (count === 1 ? 200 : 503)
    const before = open({ memory: createNoticeMemory(file), waitsMs: [60_000] })
    for (const about of ['a', 'b', 'c']) before.notifier.tell(notice(about))
    await eventually(() => before.results.length === 2)
    await before.notifier.close()
    expect(kept().map(({ notice: { about }, tries }) => [about, tries])).toEqual([
      ['b', 1],
      ['c', 0],
    ])
    // Neither the URL, whose path may be a secret, nor anything for others to read.
    expect([readFileSync(file, 'utf8').includes('secret-path'), statSync(file).mode & 0o777]).toEqual([false, 0o600])
    answer = () => 200
    const after = open({ memory: createNoticeMemory(file) })
    await eventually(() => after.results.length === 2)
    expect(ids()).toEqual(['a', 'b', 'b', 'c'].map((about) => `msg_lock.landed-${about}`))
    const [first, second] = [received[1], received[2]]
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['webhook-signature']).toMatch(/^v1,/)
    await eventually(() => kept().length === 0)
  })

  test('is on the disk before the gateway is asked to stop', async () => {
    answer = () => undefined
    open({ memory: createNoticeMemory(file) }).notifier.tell(notice('a'))
    await eventually(() => {
      try {
        return kept().length === 1
      } catch {
        return false
      }
    })
  })

  test('is one of so many at most, of each receiver the newest', async () => {
    answer = () => undefined
    const { notifier } = open({ memory: createNoticeMemory(file) })
    for (let count = 0; count < 400; count += 1) notifier.tell(notice(String(count)))
    await notifier.close()
    expect([kept().length, kept().at(-1)?.notice.about]).toEqual([256, '399'])
    const many = Array.from({ length: 400 }, (_, count) => ({ ...kept()[0], notice: notice(String(count)) }))
    writeFileSync(file, JSON.stringify({ v: 1, messages: many }))
    answer = () => 200
    const after = open({ memory: createNoticeMemory(file) })
    await eventually(() => after.results.length === 256)
    expect(ids().at(-1)).toBe('msg_lock.landed-399')
  })

  test.each([
    ['no JSON', '{"v":1,'],
    ['of another version', '{"v":2,"messages":[]}'],
    ['no message', '{"v":1,"messages":[{"to":"x"},null,{"to":"x","tries":0,"notice":{"type":"invented"}}]}'],
  ])('in a file that holds %s is none', (_name, text) => {
    writeFileSync(file, text)
    expect(createNoticeMemory(file).read()).toEqual([])
  })

  test('for a receiver that the config no longer has is told to nobody', async () => {
    writeFileSync(file, JSON.stringify({ v: 1, messages: [{ to: 'http://other', tries: 0, notice: notice('a') }] }))
    const { notifier, results } = open({ memory: createNoticeMemory(file) })
    notifier.tell(notice('b'))
    await eventually(() => results.length === 1)
    expect(ids()).toEqual(['msg_lock.landed-b'])
  })

  test('on a disk that takes nothing is told all the same, and status says that it would not outlive a restart', async () => {
    const { notifier, results } = open({ memory: createNoticeMemory(path.join(home, 'no', 'such', 'folder')) })
    notifier.tell(notice('a'))
    await eventually(() => results.length === 1 && notifier.problems.length === 1)
    expect(notifier.problems.join()).toMatch(/would not outlive a restart: .*ENOENT/)
  })
})

describe('of the desk', () => {
  async function watched(isOwn = true) {
    const rig = await createRig()
    const told: Notice[] = []
    const notices = createDeskNotices({
      ...{ desk: rig.desk, clock: rig.clock, routes: () => ROUTES, gatewayName: 'gw-1', isOwn: () => isOwn },
      control: () => 'https://ops.example.in',
      missingOf: ({ missing }) => Promise.resolve(missing),
      tell: (each) => void told.push(each),
    })
    return { rig, told, notices }
  }

  test('a lock, a proposal with how to approve it, and the release are told', async () => {
    const { rig, told } = await watched()
    const lock = await rig.lockAll()
    const proposed = await rig.order(people.desk, { kind: 'release', locks: [lock], reason: 'mended' })
    const id = 'id' in proposed ? proposed.id : ''
    await rig.accept(people.lead, { kind: 'approve', release: id })
    expect(told.map(({ type }) => type)).toEqual(['lock.landed', 'release.pending', 'lock.released'])
    expect(told[0]?.data).toMatchObject({
      gateway: 'gw-1',
      locks: [
        { id: lock, by: 'night-desk', incident: 'INC-7', isEverything: true, covers: ROUTES.map((each) => each.id) },
      ],
      status: 'portcullis status --control https://ops.example.in',
    })
    expect(told[1]?.data).toMatchObject({
      ...{ id, signed: ['night-desk'], required: 2 },
      approve: {
        command: `portcullis approve ${id} --control https://ops.example.in`,
        link: `https://ops.example.in/console/#/release?id=${id}`,
      },
    })
  })

  test('who takes back their own lock is named; a worker that has not proven it as well', async () => {
    const { rig, told } = await watched()
    rig.dataPlane.silent.add('worker-2')
    const { id: lock, proof } = await rig.accept(people.desk, LOCK_ALL)
    await proof
    await rig.accept(people.desk, { kind: 'release', locks: [lock], reason: 'wrong tag', withdraw: true })
    await new Promise((resolve) => setImmediate(resolve))
    const found = new Map(told.map(({ type, data }) => [type, data]))
    expect(found.get('proof.missing')).toMatchObject({ order: lock, missing: ['worker-2'] })
    expect(found.get('lock.withdrawn')).toMatchObject({ locks: [lock], by: 'night-desk' })
  })

  test('what was forgotten nags once a day; what another gateway accepted is told there', async () => {
    const { rig, told, notices } = await watched()
    await rig.accept(people.desk, { ...LOCK_ALL, mode: 'observe' })
    notices.nag()
    rig.clock.advance(25 * 3_600_000)
    for (let look = 0; look < 3; look++) notices.nag()
    rig.clock.advance(24 * 3_600_000)
    notices.nag()
    const nags = told.filter(({ type }) => type === 'lock.overdue')
    expect(nags.map(({ data }) => data.problem)).toEqual([
      expect.stringMatching(/of night-desk has observed for 1 d and has no end/),
      expect.stringMatching(/for 2 d/),
    ])
    expect(new Set(nags.map(({ about }) => about)).size).toBe(2)
    const other = await watched(false)
    await other.rig.lockAll()
    expect(other.told).toEqual([])
  })
})
