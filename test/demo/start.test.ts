// What `npm start` is made of: its config holds, and its live view tells passes from refusals.
import { expect, test } from '@jest/globals'
import { demoConfig } from '../../demo/config.ts'
import { describeChange, parseDecisions } from '../../demo/live.ts'
import { parseConfig } from '../../src/config/parse-config.ts'

const key = (n: number): string => {
  // Points of small multiples would be refused as weak: these are three published test keys (RFC 8032, 7.1).
  const keys = [
    '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
    'PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw',
    '_FHNjmIYoaONpH7QAjDwWAgW7RO6MwOsXeuRFUiQgCU',
  ]
  return keys[n] ?? ''
}

test('the config that the demo writes has no problem', () => {
  const text = demoConfig({
    gatewayPort: 8080,
    controlPort: 9080,
    registryUrl: 'http://127.0.0.1:9000',
    smsWebhookUrl: 'http://127.0.0.1:9002/otp',
    readTokenSha256: 'ab'.repeat(32),
    responders: [
      { name: 'night-desk', role: 'responder', key: key(0) },
      { name: 'lead', role: 'commander', key: key(1) },
      { name: 'chief', role: 'commander', key: key(2) },
    ],
  })
  const parsed = parseConfig(text, { file: '/demo/portcullis.yaml', env: {} })
  expect('problems' in parsed ? parsed.problems : []).toEqual([])
  expect('config' in parsed && parsed.config.routes.map(({ id }) => id)).toContain('partner.lookup')
})

test('a line tells what passed, what leaked, and each refusal by route', () => {
  const page = (allowed: number, leaked: number, locked: number): string =>
    [
      '# TYPE portcullis_http_requests_total counter',
      `portcullis_http_requests_total{route="facility.list",method="GET",code="200",decision="allow"} ${allowed}`,
      `portcullis_http_requests_total{route="partner.lookup",method="GET",code="200",decision="allow"} ${leaked}`,
      `portcullis_http_requests_total{route="partner.lookup",method="GET",code="503",decision="locked"} ${locked}`,
    ].join('\n')
  const before = parseDecisions(page(3, 1, 0))
  expect(describeChange(before, parseDecisions(page(8, 3, 0)), true)).toBe(
    'passed   7  (2 of them a whole record for a bare mobile number)',
  )
  expect(describeChange(before, parseDecisions(page(3, 1, 4)), true)).toBe('passed   0  locked partner.lookup 4')
  expect(describeChange(before, before, true)).toBeUndefined()
})
