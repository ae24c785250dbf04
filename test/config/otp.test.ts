// What belongs to one-time passwords, numbers and answers in a config: what it means, and what is refused.
import { describe, expect, test } from '@jest/globals'
import { configOf, edited, problemsOf, SAMPLE } from './sample.ts'

const OTP =
  'otp: { issuer: https://gate.example.in, audience: registry, webhook: { url: https://sms.internal/otp, secretFile: ./hook.secret } }\n'
const withOtp = (otp = OTP): string => `${SAMPLE}\n${otp}`
const route = (text: string): string =>
  edited(['    session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } }', `    ${text}`])

describe('what it becomes', () => {
  test("routes and an issuer of the gateway's own", () => {
    const config = configOf(withOtp())
    expect(
      config.routes
        .filter(({ policy }) => policy.own !== undefined)
        .map(({ id, path, methods }) => [id, path, methods]),
    ).toEqual([
      ['portcullis.otp.request', '/.portcullis/otp/request', ['POST']],
      ['portcullis.otp.verify', '/.portcullis/otp/verify', ['POST']],
      ['portcullis.otp.keys', '/.portcullis/otp/jwks.json', ['GET']],
    ])
    expect(config.session.issuers.at(-1)).toMatchObject({
      issuer: 'https://gate.example.in',
      audience: 'registry',
      algorithms: ['ES256'],
      otpAmr: ['otp'],
      otpNumber: 'otp_number',
    })
    expect(config.otp?.keyFile).toMatch(/\/data\/otp\.key$/)
  })

  test('a body that is bound is read, and its people are the subjects', () => {
    const policy = configOf(
      edited(['    subjects: [query.citizen]', '    session: { bind: { body./citizen/id: claim.ids } }']),
    ).routes[1]?.policy
    expect(policy).toMatchObject({
      bodyBytesMax: 65_536,
      session: { bind: [{ source: { in: 'body', name: '/citizen/id' }, claim: 'ids' }] },
      subjects: [{ in: 'body', name: '/citizen/id' }],
    })
  })

  test('a response that is judged', () => {
    const policy = configOf(route('response: { owner: { /a/*/id: claim.ids }, subjects: [/a/*/id] }')).routes[0]?.policy
    expect(policy?.response).toEqual({
      owner: [{ pointer: '/a/*/id', claim: 'ids' }],
      number: [],
      subjects: ['/a/*/id'],
      unknown: 'refuse',
      bytesMax: 262_144,
    })
  })
})

test.each([
  [
    'a number that nobody vouches for',
    route('session: { number: param.recordId }'),
    /nobody says which number an OTP went to/,
  ],
  [
    'a number of an answer that nobody vouches for',
    route('response: { number: [/mobile] }'),
    /nobody says which number/,
  ],
  [
    'a number without a session',
    `${edited(['    session: none', '    session: { level: none, number: query.mobile }'])}\n${OTP}`,
    /the level is none/,
  ],
  [
    'an answer judged without a session',
    edited(['    session: none', '    session: none\n    response: { owner: { /id: claim.ids } }']),
    /does not ask for one/,
  ],
  ['a response that says nothing', route('response: { unknown: pass }'), /says nothing of the answer/],
  ['a body of a GET', route('session: { bind: { body./id: claim.ids } }'), /a GET has none/],
  ['no pointer', route('response: { owner: { id: claim.ids } }'), /begins with a slash/],
  ['a pointer with a bare tilde', edited(['[query.citizen]', '["body./a~b"]']), /~0/],
  [
    'a path of ours',
    `${edited(['path: /api/facilities', 'path: /.portcullis/otp/request'])}\n${OTP}`,
    /the gateway's own/,
  ],
  ['a name of ours', edited(['id: facilities', 'id: portcullis.otp.request']), /the gateway's own/],
  ['nobody who delivers', withOtp('otp: { issuer: https://gate.example.in, audience: registry }'), /delivers no code/],
  [
    'one issuer twice',
    withOtp(OTP.replace('https://gate.example.in', 'https://otp.example.in')),
    /is the issuer of session.issuers\[0\] too/,
  ],
  ['a webhook in clear', withOtp(OTP.replace('https://sms.internal', 'http://sms.internal')), /https URL/],
  [
    'a session longer than its key',
    withOtp(OTP.replace('audience:', 'session: 2h, rotate: 1h, audience:')),
    /longer than otp.rotate/,
  ],
  ['a secret in the trail', withOtp(OTP.replace('./hook.secret', './data/audit/hook.secret')), /lies in audit.dir/],
  [
    'a country with a plus',
    edited(['session:\n  issuers', 'session:\n  countryCode: "+91"\n  issuers']),
    /without a plus/,
  ],
] as const)('%s is refused', (_what, text, message) => {
  const problems = problemsOf(text)
  expect(problems.map((each) => each.message).join('\n')).toMatch(message)
  expect(problems.every(({ line }) => line > 0)).toBe(true)
})

test('with Redis the secret is one of the fleet', () => {
  const text = withOtp().replace(
    '  dir: ./data\n',
    '  dir: ./data\n  kind: redis\n  redis: { url: "redis://127.0.0.1:6379/0", fleet: f, secretFile: ./fleet.secret }\n',
  )
  expect(problemsOf(text).map(({ message }) => message)).toEqual([expect.stringMatching(/needs keyFile with Redis/)])
})

test("sessions may be of the gateway's own alone", () => {
  const text = withOtp().replace(/session:\n  issuers:[\s\S]*?audience: registry\n(?=audit)/, '')
  expect(configOf(text).session.issuers).toHaveLength(1)
})
