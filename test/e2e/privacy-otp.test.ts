// The gateway's own one-time passwords leave no number, no code and no token behind: not on its disk, its log, its metrics, its Redis.
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { Secret } from 'otpauth'
import { createTotp } from '../../src/adapters/otpauth/authenticators.ts'
import { eventually, makePerson, prepareGateway, signOrder, startRawUpstream } from '../support/gateway-process.ts'
import { missingRedis, startRedis } from '../support/redis-server.ts'

const FLEET = 'privacy-otp'
const NUMBER = '5550012345'
const OTHER = '5550067890'
const ACCOUNT = 'planted-account'
/** Each number in the ways that a writer might spell it. */
const NUMBERS = [NUMBER, OTHER, '55500 12345', '55500-12345', '+91-55500']

const kinds = missingRedis() === undefined ? (['embedded', 'redis'] as const) : (['embedded'] as const)
if (kinds.length < 2) console.warn(`SKIPPED: what one-time passwords leave in Redis, since ${missingRedis() ?? ''}`)

describe.each(kinds)('with the %s store', (kind) => {
  test('planted numbers, codes and tokens stand nowhere', async () => {
    const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-privacy-otp-'))
    const redis = kind === 'redis' ? await startRedis() : undefined
    const upstream = await startRawUpstream((socket) => {
      const body = `{"mobile":"${NUMBER}","people":[{"id":"planted-person"}]}`
      socket.write(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    })
    /** By transaction: messages may overtake each other. */
    const codes = new Map<string, string>()
    let smsStatus = 204
    const sms = http.createServer((request, response) => {
      let body = ''
      request.on('data', (piece: Buffer) => (body += piece.toString()))
      request.on('end', () => {
        codes.set(String(request.headers['webhook-id']), (JSON.parse(body) as { code: string }).code)
        response.writeHead(smsStatus).end(body)
      })
    })
    await new Promise<void>((resolve) => sms.listen(0, '127.0.0.1', resolve))
    const people = [
      makePerson('desk', 'responder'),
      makePerson('lead', 'commander'),
      makePerson('chief', 'commander'),
    ] as const
    const write = (name: string, text: string): string => {
      const file = path.join(home, name)
      writeFileSync(file, text, { mode: 0o600 })
      return file
    }
    const secret = new Secret({ size: 20 })
    const accounts = write('totp.json', JSON.stringify({ accounts: { [ACCOUNT]: { secret: secret.base32 } } }))
    const fleetSecret = write('fleet.secret', 'a secret of a fleet in a test, and long enough\n')
    const gateway = await prepareGateway({
      upstreamPort: upstream.port,
      people,
      routes: `
  - { id: lookup, path: "/lookup/{mobile}", methods: [GET], upstream: registry, subjects: [param.mobile], session: { level: required, number: param.mobile }, response: { number: [/mobile], subjects: [/people/*/id] } }
`,
      sessionExtra: '  budget: { subjects: 10 }',
      ...(redis === undefined
        ? {}
        : {
            store: `{ kind: redis, dir: ./data, lease: 10s, redis: { url: "${redis.url}", fleet: ${FLEET}, secretFile: "${fleetSecret}" } }`,
          }),
      extra: `log: { level: debug }
otp:
  issuer: https://gate.example.in
  audience: registry
  keyFile: ${path.join(home, 'otp.key')}
  webhook: { url: "http://127.0.0.1:${String((sms.address() as AddressInfo).port)}/sms", secretFile: ${write('webhook.secret', 'a secret of more than thirty-two characters')}, timeout: 10s }
  totp: { file: ${accounts} }
`,
    })
    try {
      await gateway.start('/healthz')
      if (redis !== undefined)
        expect(
          (await gateway.order(signOrder(people[1], { kind: 'genesis', reason: 'x' }, { aud: FLEET }))).status,
        ).toBe(201)
      const answers: string[] = []
      const tokens: string[] = []
      const post = async (call: string, body: unknown, query = ''): Promise<Record<string, unknown>> => {
        const answer = await fetch(`${gateway.url}/.portcullis/otp/${call}${query}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-mobile': NUMBER },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        })
        const text = await answer.text()
        const given = JSON.parse(text) as Record<string, unknown>
        if (typeof given.access_token === 'string') tokens.push(given.access_token)
        else answers.push(text, JSON.stringify([...answer.headers]))
        return { ...given, status: answer.status }
      }
      expect(await eventually(async () => (await post('request', { number: NUMBER })).status === 202, 60_000)).toBe(
        true,
      )
      const codeOf = async (number: string): Promise<{ transaction: string; code: string }> => {
        const transaction = String((await post('request', { number })).transaction)
        expect(await eventually(async () => codes.has(transaction), 60_000)).toBe(true)
        return { transaction, code: codes.get(transaction) ?? '' }
      }
      const { transaction, code } = await codeOf(`+91 ${NUMBER.slice(0, 5)}-${NUMBER.slice(5)}`)
      await post('verify', { transaction, code: `${code}0` })
      await post('verify', { transaction, code })
      await post('verify', { transaction, code })
      await post('verify', { transaction, code, number: NUMBER })
      await post('verify', { account: ACCOUNT, code: '000000' })
      await post('verify', { account: ACCOUNT, code: createTotp(secret).generate() })
      expect(tokens).toHaveLength(2)
      // What is malformed is refused, and told to nobody in its own words.
      await post('request', `{"number":"${NUMBER}"`)
      await post('request', { number: `${NUMBER}x` })
      await post('request', { number: NUMBER, code }, `?number=${NUMBER}&code=${code}`)
      await post('verify', `{"code":"${code}","code":"${code}","transaction":"${transaction}"}`)
      await fetch(`${gateway.url}/.portcullis/otp/request/${NUMBER}?code=${code}`).then((answer) => answer.text())
      // A webhook that refuses, and repeats what it was given.
      smsStatus = 500
      await codeOf(OTHER)
      expect(await eventually(async () => gateway.log().includes('could not be delivered'), 60_000)).toBe(true)
      // The session is used, at its own number and at another's.
      for (const asked of [NUMBER, OTHER]) {
        const headers = { authorization: `Bearer ${tokens[0] ?? ''}` }
        const answer = await fetch(`${gateway.url}/lookup/${asked}`, { headers })
        await answer.arrayBuffer()
        answers.push(JSON.stringify([...answer.headers]))
        expect(answer.status).toBe(asked === NUMBER ? 200 : 403)
      }
      answers.push(
        await (await fetch(`http://127.0.0.1:${String(gateway.controlPort)}/metrics`)).text(),
        await (await gateway.api('/api/v1/status')).text(),
        await (await gateway.get('/.portcullis/otp/jwks.json')).text(),
      )
      const written = new Map<string, string>()
      if (redis !== undefined) {
        await redis.command('CONFIG', 'SET', 'rdbcompression', 'no')
        written.set('redis', (await redis.dump()).toString('latin1'))
        expect(written.get('redis')).toContain('otp:count')
        expect(written.get('redis')).toContain('otp:spent')
      }
      expect(await gateway.stop()).toBe(0)
      for (const file of globSync('**', { cwd: gateway.home }).map((name) => path.join(gateway.home, name)))
        if (statSync(file).isFile()) written.set(file, readFileSync(file, 'latin1'))
      written.set('log', gateway.log())
      answers.forEach((answer, index) => written.set(`answer ${String(index)}`, answer))

      // Six digits may stand in a number, behind its point, or in a hash: alone they are a code.
      const alone = [...codes.values()].map((code) => new RegExp(`(?<![\\w.-])${code}(?![\\w-])`))
      const parts = tokens.flatMap((token) => token.split('.').slice(1))
      for (const [where, text] of written) {
        for (const planted of [...NUMBERS, ACCOUNT, 'planted-person', ...parts])
          expect({ where, planted, found: text.includes(planted) }).toEqual({ where, planted, found: false })
        for (const each of alone)
          expect({ where, code: each.source, found: each.test(text) }).toMatchObject({ found: false })
      }
      // The run was real: the trail has the calls, and whom they were for, under pseudonyms.
      const trail = [...written.values()].join('\n')
      for (const route of ['portcullis.otp.request', 'portcullis.otp.verify', 'lookup'])
        expect(trail).toContain(`"route":"${route}"`)
      expect(codes.size).toBeGreaterThan(2)
    } finally {
      await gateway.cleanUp()
      await upstream.close()
      sms.closeAllConnections()
      sms.close()
      await redis?.stop()
      rmSync(home, { recursive: true, force: true })
    }
  }, 240_000)
})
