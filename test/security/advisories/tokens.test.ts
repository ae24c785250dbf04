// advisory-classes D03, D04 and D09: tokens that would be judged by what they say of themselves.
import { createHmac, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, expect } from '@jest/globals'
import { checklist } from '../../support/checklist.ts'
import { startGateway, startRawUpstream, type GatewayProcess, type Upstream } from '../../support/gateway-process.ts'
import { connectRaw } from '../../support/raw-client.ts'
import { request } from '../../support/start-data-plane.ts'

const { line, counts } = checklist('advisory-classes D, tokens')

let upstream: Upstream
let gateway: GatewayProcess
beforeAll(async () => {
  upstream = await startRawUpstream()
  gateway = await startGateway({
    upstreamPort: upstream.port,
    routes:
      '\n  - { id: record, path: "/records/{recordId}", methods: [GET], upstream: registry, session: required }\n',
  })
})
afterAll(async () => {
  await gateway.cleanUp()
  await upstream.close()
})

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const claims = (): Record<string, unknown> => {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: gateway.issuer.issuer,
    aud: 'registry',
    sub: 'x',
    sid: randomUUID(),
    iat: now,
    exp: now + 600,
    auth_time: now,
    amr: ['otp'],
  }
}

/** The status that the live gateway gives to a request with this Authorization field. */
async function statusWith(authorization: string): Promise<number> {
  const client = await connectRaw(gateway.port)
  client.write(request('GET', '/records/7', { Authorization: authorization }))
  const { status } = await client.response()
  client.close()
  return status
}

line('D03', 'no scheme but Bearer carries a token (CVE-2026-47673, hono)', async () => {
  const token = gateway.issuer.token()
  for (const scheme of [
    'Basic ',
    'foo ',
    'Token ',
    'JWT ',
    'Bearer',
    'Bearer:',
    'Bearer\t',
    'Bearerx ',
    ' ',
    ', Bearer ',
    'DPoP ',
    'Negotiate ',
  ])
    expect([scheme, [400, 401].includes(await statusWith(`${scheme}${token}`))]).toEqual([scheme, true])
  for (const odd of [
    `Bearer ${token} x`,
    `Bearer ${token},`,
    `Bearer "${token}"`,
    `Bearer Bearer ${token}`,
    token,
    'Bearer',
    'Bearer ',
  ])
    expect([odd.slice(0, 12), [400, 401].includes(await statusWith(odd))]).toEqual([odd.slice(0, 12), true])
  expect([
    await statusWith(`Bearer ${token}`),
    await statusWith(`bearer ${token}`),
    await statusWith(`BEARER  ${token}`),
  ]).toEqual([200, 200, 200])
})

line('D04', 'the token chooses neither its algorithm nor its key (CVE-2026-22818, hono)', async () => {
  const [jwk] = gateway.issuer.jwks.keys
  const pem = createPublicKey({ key: jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const signedBy = (head: object, key: (input: string) => string): string => {
    const input = `${encode(head)}.${encode(claims())}`
    return `${input}.${key(input)}`
  }
  const hmac = (secret: string | Buffer) => (input: string) =>
    createHmac('sha256', secret).update(input).digest('base64url')
  const es256 = (input: string): string =>
    sign('sha256', Buffer.from(input), { key: own.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')
  const embedded = { ...own.publicKey.export({ format: 'jwk' }), kid: 'k1' }
  for (const token of [
    signedBy({ alg: 'none', kid: 'k1', typ: 'JWT' }, () => ''),
    signedBy({ alg: 'None', kid: 'k1' }, () => ''),
    signedBy({ kid: 'k1' }, es256),
    ...[pem, JSON.stringify(jwk), jwk?.x ?? '', ''].map((secret) =>
      signedBy({ alg: 'HS256', kid: 'k1', typ: 'JWT' }, hmac(secret)),
    ),
    signedBy({ alg: 'HS256', typ: 'JWT' }, hmac(pem)),
    signedBy({ alg: 'ES256', kid: 'k1', typ: 'JWT' }, es256),
    signedBy({ alg: 'ES256', jwk: embedded, typ: 'JWT' }, es256),
    signedBy({ alg: 'ES256', kid: 'k1', jwk: embedded, typ: 'JWT' }, es256),
    signedBy({ alg: 'ES256', kid: 'k1', jku: `http://127.0.0.1:${upstream.port}/jwks`, typ: 'JWT' }, es256),
    signedBy({ alg: 'ES256', kid: '../../../dev/null', typ: 'JWT' }, es256),
    signedBy({ alg: 'ES256', kid: 'k1', crit: ['exp'], typ: 'JWT' }, es256),
    gateway.issuer.token().replace(/\.[^.]+$/, '.'),
    gateway.issuer.token().replace(/\.[^.]+$/, `.${Buffer.alloc(64).toString('base64url')}`),
  ])
    expect([token.slice(0, 60), await statusWith(`Bearer ${token}`)]).toEqual([token.slice(0, 60), 401])
  expect(upstream.received()).not.toContain('/jwks')
})

line('D09', 'an encrypted token is none: nothing is derived or unpacked (CVE-2023-50967, -2024-33664)', async () => {
  const bomb = deflateRawSync(Buffer.alloc(5_000_000)).toString('base64url')
  const jwe = (head: object, body = encode('x')): string =>
    `${encode(head)}.${encode('k')}.${encode('iv')}.${body}.${encode('tag')}`
  for (const token of [
    jwe({ alg: 'PBES2-HS512+A256KW', enc: 'A256GCM', p2c: 2_000_000_000, p2s: 'c2FsdA' }),
    jwe({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' }, bomb.slice(0, 5_000)),
    jwe({ alg: 'RSA-OAEP', enc: 'A256GCM' }),
    `${encode({ alg: 'ES256', kid: 'k1', zip: 'DEF' })}.${bomb.slice(0, 5_000)}.${encode('x')}`,
    `${encode({ alg: 'ES256', kid: 'k1', b64: false, crit: ['b64'] })}.${encode(claims())}.${encode('x')}`,
    '....',
    '..',
    'a.b.c.d',
  ])
    expect([token.slice(0, 40), await statusWith(`Bearer ${token}`)]).toEqual([token.slice(0, 40), 401])
  expect(await statusWith(`Bearer ${gateway.issuer.token()}`)).toBe(200)
})

counts()
