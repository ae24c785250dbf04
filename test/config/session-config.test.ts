// What the config says of sessions beside their issuers: carriers, opaque sessions, proofs, claims that are told.
import { describe, expect, test } from '@jest/globals'
import { parseConfig } from '../../src/config/parse-config.ts'
import { configOf, edited, SAMPLE } from './sample.ts'

const withSession = (lines: string): string => SAMPLE.replace(/^session:\n/m, `session:\n${lines}`)
const OPAQUE =
  '  opaque: { issuer: "https://o.example", introspection: { url: "https://o.example/i", clientId: g, secretFile: ./s } }\n'

const EVENTS =
  '  events: { listen: "127.0.0.1:9090", responder: desk, keyFile: ./k, transmitters: [{ issuer: i, jwks: { file: ./j }, algorithms: [ES256], audience: a }] }\n'

function problemsOf(text: string): readonly string[] {
  const parsed = parseConfig(text, { file: '/etc/portcullis.yaml', env: {}, now: Date.UTC(2026, 10, 24) })
  return 'problems' in parsed ? parsed.problems.map(({ path, message }) => `${path}: ${message}`) : []
}

test('says by itself what was so before: bearer tokens, no look-up, no proofs asked for', () => {
  const { session } = configOf(SAMPLE)
  expect(session).toMatchObject({ from: ['bearer'], rememberedMax: 100_000, dpop: { origins: [], nonce: false } })
  expect(session).not.toHaveProperty('opaque')
})

test('takes all of it', () => {
  const { session } = configOf(
    withSession(
      `  from: [bearer, cookie.sid, header.X-Session]\n  remember: 1000000\n  dpop: { origins: ["https://API.example.in:443"], nonce: true, maxAge: 30s }\n${OPAQUE}`,
    ),
  )
  expect(session).toMatchObject({
    from: ['bearer', 'cookie.sid', 'header.X-Session'],
    rememberedMax: 1_000_000,
    dpop: { origins: ['https://api.example.in'], nonce: true, maxAgeMs: 30_000, algorithms: ['ES256', 'EdDSA'] },
    opaque: {
      issuer: 'https://o.example',
      otpAmr: ['otp', 'sms'],
      cacheMs: 10_000,
      by: { url: 'https://o.example/i', clientId: 'g', secretFile: '/etc/portcullis/s', timeoutMs: 2_000 },
    },
  })
  expect(session.opaque).not.toHaveProperty('audience')
})

test('an issuer tells by acr and by a claim of its own, a route by its own', () => {
  const config = configOf(
    SAMPLE.replace(
      'audience: registry',
      'audience: registry\n      otp: { amr: [otp], acr: [loa3], time: claim.otp_at }',
    ).replace('session: { level: required', 'session: { level: required, otp: { acr: [loa4] }, binding: dpop'),
  )
  expect(config.session.issuers[0]).toMatchObject({ otpAmr: ['otp'], otpAcr: ['loa3'], otpTimeClaim: 'otp_at' })
  const asking = config.routes.filter(({ policy }) => policy.session.otp !== undefined)
  expect(asking.length).toBeGreaterThan(0)
  expect(asking[0]?.policy.session).toMatchObject({ otp: { amr: [], acr: ['loa4'] }, binding: 'dpop' })
})

describe('refused with the place and what would be right', () => {
  test.each([
    [
      'a carrier that is none',
      withSession('  from: [body.token]\n'),
      /session\.from\[0\]: must be bearer, cookie\.NAME/,
    ],
    ['no carrier', withSession('  from: []\n'), /session\.from: must name at least one/],
    ['a carrier that means something else', withSession('  from: [header.Cookie]\n'), /"cookie" means something else/],
    ['an origin with a path', withSession('  dpop: { origins: ["https://a.example/x"] }\n'), /must be an origin/],
    ['a symmetric algorithm', withSession('  dpop: { algorithms: [HS256] }\n'), /symmetric/],
    ['neither way', withSession('  opaque: { issuer: i }\n'), /session\.opaque: must name introspection or redis$/],
    [
      'both ways',
      withSession(
        OPAQUE.replace('introspection', 'redis: { url: "redis://127.0.0.1", key: "{token}" }, introspection'),
      ),
      /not both/,
    ],
    [
      'a token in clear',
      withSession(OPAQUE.replace('https://o.example/i', 'http://o.example/i')),
      /must be an https URL/,
    ],
    [
      'a Redis in clear',
      withSession('  opaque: { issuer: i, redis: { url: "redis://o.example", key: "{token}" } }\n'),
      /must be a rediss:\/\/ URL/,
    ],
    [
      'a password in the URL',
      withSession('  opaque: { issuer: i, redis: { url: "rediss://:p@o.example", key: "{token}" } }\n'),
      /password stands in passwordFile/,
    ],
    [
      'a key without the token',
      withSession('  opaque: { issuer: i, redis: { url: "redis://127.0.0.1", key: "session" } }\n'),
      /must hold \{token\} or \{sha256\}/,
    ],
    [
      'mtls without TLS',
      edited(['session: { level: required', 'session: { level: required, binding: mtls']),
      /mtls needs the certificate of the caller, and gateway\.tls is not set/,
    ],
    ['a receiver in clear', withSession(EVENTS.replace('127.0.0.1', '0.0.0.0')), /needs session\.events\.tls/],
    [
      'a receiver that nobody knows',
      withSession(EVENTS.replace('responder: desk', 'responder: dsk')),
      /there is no responder "dsk"/,
    ],
    [
      'keys of nowhere',
      withSession(EVENTS.replace('jwks: { file: ./j }', 'jwks: {}')),
      /must name a file or a url, and one/,
    ],
    [
      'keys in clear',
      withSession(EVENTS.replace('file: ./j', 'url: "http://i.example/j"')),
      /must be an https URL without/,
    ],
    [
      'a receiver that may not revoke',
      withSession(EVENTS).replace('role: responder', 'role: viewer'),
      /which may not revoke/,
    ],
    [
      'an OTP of nothing',
      edited(['session: { level: required', 'session: { level: required, otp: {}']),
      /must name at least one value of amr or acr/,
    ],
    [
      'a claim in a field that means something',
      SAMPLE.replace(
        '    session: { level: required',
        '    forward: { claims: { Authorization: claim.sub } }\n    session: { level: required',
      ),
      /"Authorization" means something on the way/,
    ],
    [
      'a field in two spellings',
      SAMPLE.replace(
        '    session: { level: required',
        '    forward: { claims: { X-A: claim.sub, x_a: claim.sid } }\n    session: { level: required',
      ),
      /stands twice, in another spelling/,
    ],
  ])('%s', (_name, text, right) => {
    const problems = problemsOf(text)
    expect(problems.join('\n')).toMatch(right)
    expect(problems).toHaveLength(1)
  })
})
