// Who is told, and what an alert may suggest: every problem at once, and no URL in any message.
import { describe, expect, test } from '@jest/globals'
import { configOf, edited, problemsOf, SAMPLE } from './sample.ts'

const withNotify = (text: string): string => `${SAMPLE}\nnotify:\n${text}`

describe('notify', () => {
  test('tells nobody by default', () => {
    expect(configOf(SAMPLE).notify).toEqual({ webhooks: [], networks: [] })
  })

  test('takes receivers, their types and networks', () => {
    const text = withNotify(
      '  webhooks: [{ url: https://hooks.example.in/x, secretFile: ./hook.secret, events: [lock.landed] }]\n  networks: [10.1.0.0/16]\n  console: https://ops.example.in\n',
    )
    expect(configOf(text).notify).toMatchObject({
      webhooks: [{ url: 'https://hooks.example.in/x', events: ['lock.landed'] }],
      networks: ['10.1.0.0/16'],
      console: 'https://ops.example.in',
    })
  })

  test.each([
    ['url: ftp://secret-path', /is no URL/],
    ['url: "https://user:secret-path@hooks.example.in"', /must not hold credentials/],
    ['url: http://hooks.example.in/secret-path', /must be https/],
    ['url: https://a.example.in, events: [lock.laned]', /lock.landed/],
    ['url: https://a.example.in, events: []', /at least one type/],
  ])('refuses { %s }, and does not repeat it', (webhook, problem) => {
    const found = problemsOf(withNotify(`  webhooks: [{ ${webhook}, secretFile: ./s }]\n`))
    expect(found.map(({ message }) => message).join('\n')).toMatch(problem)
    expect(JSON.stringify(found)).not.toContain('secret-path')
  })
})

describe('control.alertmanager', () => {
  const withRule = (rule: string): string =>
    edited(['control:\n', `control:\n  alertmanager: { token: { sha256: ${'ab'.repeat(32)} }, rules: [${rule}] }\n`])

  test('takes rules that name labels and a scope', () => {
    const rule = '{ match: { alertname: RecordScraping }, action: observe, scope: { all: true } }'
    expect(configOf(withRule(rule)).control.alertmanager?.rules).toEqual([
      { match: { alertname: 'RecordScraping' }, action: 'observe', scope: { all: true }, mode: 'deny' },
    ])
  })

  test.each([
    ['{ match: {}, action: propose, scope: { all: true } }', /would match every alert/],
    ['{ match: { a: b }, action: propose, scope: {} }', /is empty/],
    ['{ match: { a: b }, action: propose, scope: { routes: [no.such.route] } }', /there is no "no.such.route"/],
    ['{ match: { a: b }, action: propose, scope: { tag: [pii] } }', /did you mean/i],
    ['{ match: { a: b }, action: release, scope: { all: true } }', /propose/],
  ])('refuses %s', (rule, problem) => {
    expect(
      problemsOf(withRule(rule))
        .map(({ message }) => message)
        .join('\n'),
    ).toMatch(problem)
  })
})
