// Alerts may suggest and observe; they lock nothing, release nothing, and choose no scope.
import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Express } from 'express'
import request from 'supertest'
import { createControlServer } from '../../src/control/server.ts'
import { mergeImpacts } from '../../src/core/impact.ts'
import type { Notice } from '../../src/core/notice.ts'
import type { SuggestionRule } from '../../src/core/suggestion.ts'
import { createSuggestions, type Suggestions } from '../../src/control/suggestions.ts'
import { parseStatus } from '../../src/cli/views.ts'
import { AUTHORIZED, createServerRig, type ServerRig } from '../support/control-server.ts'

const TOKEN = { authorization: 'Bearer token-of-alertmanager' }
const RULES: readonly SuggestionRule[] = [
  {
    match: { alertname: 'RecordScraping', severity: 'page' },
    action: 'propose',
    scope: { routes: ['record.read'] },
    mode: 'deny',
  },
  { match: { alertname: 'OddHours' }, action: 'observe', scope: { tags: ['pii'] }, mode: 'step-up' },
]
let server: ServerRig
let app: Express
let suggestions: Suggestions
let told: Notice[]

beforeEach(async () => {
  told = []
  server = await createServerRig()
  const { desk, clock, trail } = server.rig
  suggestions = createSuggestions({
    ...{ rules: () => RULES, desk, clock, trail },
    impact: {
      ask: async () => ({ impact: { ...mergeImpacts([], 0), requests: 12 }, answered: [], missing: [] }),
    },
    control: () => undefined,
    tell: (notice) => void told.push(notice),
  })
  app = createControlServer({ ...server.deps, suggestions })
  server.settings.alertTokenSha256 = createHash('sha256').update('token-of-alertmanager').digest('hex')
})

const alert = (alertname: string, more: Record<string, unknown> = {}) => ({
  ...{ status: 'firing', labels: { alertname, severity: 'page' }, annotations: {}, fingerprint: 'c0ffee01' },
  ...more,
})
const post = (alerts: readonly unknown[], headers: Record<string, string> = TOKEN) =>
  request(app).post('/api/v1/alertmanager').set(headers).send({ version: '4', status: 'firing', alerts })
const status = async () => (await request(app).get('/api/v1/status').set(AUTHORIZED)).body

describe('an alert', () => {
  test('that matches a rule is a suggestion with the command that a person would type, told once, in the trail, and locks nothing', async () => {
    expect((await post([alert('RecordScraping')])).body).toEqual({ suggested: ['c0ffee01'] })
    expect((await post([alert('RecordScraping')])).body).toEqual({ suggested: [] })
    const found = await status()
    expect(parseStatus(found)).toBe(found)
    expect(found).toMatchObject({
      epoch: 0,
      frozen: false,
      locks: [],
      suggestions: [{ alert: 'RecordScraping', mode: 'deny' }],
    })
    const { command } = found.suggestions[0]
    expect(command).toBe("portcullis lock --route record.read --reason 'alert RecordScraping'")
    expect(told.map(({ type }) => type)).toEqual(['lock.suggested'])
    expect(server.rig.dataPlane.tables.length).toBeLessThanOrEqual(1)
  })

  test('that observes is counted with what such a lock would have refused', async () => {
    await post([alert('OddHours')])
    await suggestions.look()
    expect((await status()).suggestions).toMatchObject([{ action: 'observe', wouldRefuse: { requests: 12 } }])
  })

  test('that is resolved takes its suggestion back; one that no rule names is nothing', async () => {
    await post([
      alert('RecordScraping'),
      alert('Unknown', { fingerprint: 'aa' }),
      alert('RecordScraping', { fingerprint: 'bb', labels: { alertname: 'RecordScraping' } }),
    ])
    expect((await status()).suggestions.length).toBe(1)
    await post([alert('RecordScraping', { status: 'resolved' })])
    expect((await status()).suggestions).toEqual([])
  })

  test('brings no words of its own to a shell or a screen', async () => {
    await post([alert("x'; rm -rf / #", { labels: { alertname: "RecordScraping'; rm -rf /", severity: 'page' } })])
    expect((await status()).suggestions).toEqual([])
  })

  test('is kept within a bound, and forgotten a day after it was last said', async () => {
    await post(Array.from({ length: 100 }, (_, index) => alert('OddHours', { fingerprint: index.toString(16) })))
    expect((await status()).suggestions.length).toBe(64)
    server.rig.clock.advance(25 * 3_600_000)
    expect(suggestions.views).toEqual([])
  })
})

describe('the receiver', () => {
  test.each([
    ['without a token', {}, 401],
    ['with another token', { authorization: 'Bearer x' }, 401],
    ['with the read token', AUTHORIZED, 401],
  ])('%s refuses', async (_name, headers, code) => {
    expect((await post([alert('RecordScraping')], headers as Record<string, string>)).status).toBe(code)
    expect((await status()).suggestions).toEqual([])
  })

  test('its token reads nothing', async () => {
    expect((await request(app).get('/api/v1/status').set(TOKEN)).status).toBe(401)
  })

  test.each([
    [[]],
    [{ version: '3', alerts: [] }],
    [{ version: '4', alerts: [{}] }],
    [{ version: '4' }],
    [{ version: '4', alerts: [alert('x', { labels: { a: 1 } })] }],
  ])('refuses %j as no message of Alertmanager', async (body) => {
    expect((await request(app).post('/api/v1/alertmanager').set(TOKEN).send(body)).status).toBe(400)
  })

  test('is not there where nothing is configured', async () => {
    const bare = await createServerRig()
    expect(
      (await request(bare.app).post('/api/v1/alertmanager').set(TOKEN).send({ version: '4', alerts: [] })).status,
    ).toBe(404)
  })
})
