// Takes the pictures of docs/images anew: every page of the console, in both languages, at 360 and 1440 px, before a fleet of three in an
// incident. `npm run pictures` (Chromium, Redis, and a font for Devanagari such as fonts-lohit-deva). Look at them: nothing here can tell a good page from a bad one.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { signInWithNewKey, startBrowser, visit } from '../support/browser.ts'
import {
  eventually,
  makePerson,
  prepareGateway,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { startRedis } from '../support/redis-server.ts'

const OUT = fileURLToPath(new URL('../../docs/images/', import.meta.url))
const FLEET = 'registry'
const ROUTES = `
  - { id: facilities, path: /api/v2/facilities, methods: [GET], upstream: registry, session: none, audit: best-effort }
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, tags: [pii], session: { level: required, maxAge: 15m }, throttle: { subjects: 20/h } }
  - { id: partner.lookup, path: "/api/v2/partner/{mobile}", methods: [GET], upstream: registry, tags: [partner, pii], session: none, throttle: { subjects: 20/h } }
`
const PAGES = ['state', 'live', 'release', 'sessions', 'trail', 'fleet', 'incidents', 'key']
const [desk, lead, chief] = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
] as const

const home = mkdtempSync(path.join(tmpdir(), 'portcullis-pictures-'))
const only = process.argv.slice(2)
const gateways: GatewayProcess[] = []
const browser = await startBrowser()
const redis = await startRedis()
const upstream = await startRawUpstream()
try {
  const secretFile = path.join(home, 'fleet.secret')
  writeFileSync(secretFile, 'a secret of thirty-two characters.', { mode: 0o600 })
  for (let index = 0; index < 3; index += 1)
    gateways.push(
      await prepareGateway({
        upstreamPort: upstream.port,
        routes: ROUTES,
        people: [desk, lead, chief],
        store: `{ kind: redis, dir: ./data, lease: 2s, redis: { url: "${redis.url}", fleet: ${FLEET}, secretFile: "${secretFile}" } }`,
        pseudonymKeyFile: path.join(home, 'pseudonym.key'),
        gatewayExtra: ', trustedProxies: [127.0.0.1/32]',
      }),
    )
  const [first, second, third] = gateways
  if (first === undefined || second === undefined || third === undefined) throw new Error('three gateways')
  await first.start('/healthz')
  await first.order(signOrder(lead, { kind: 'genesis', reason: 'a new fleet' }, { aud: FLEET }))
  await Promise.all([second.start('/healthz'), third.start('/healthz')])
  const isServed = async ({ url }: GatewayProcess): Promise<boolean> =>
    (await fetch(`${url}/api/v2/facilities`)).status === 200
  await eventually(async () => (await Promise.all(gateways.map(isServed))).every(Boolean), 30_000)

  const visitor = await visit(browser, `http://127.0.0.1:${first.controlPort}/`)
  const { page } = visitor
  await signInWithNewKey(visitor, 'night-desk', 'responder', first)
  await traffic(first)

  const order = async (who: typeof desk, words: Record<string, unknown>): Promise<string> => {
    const answer = await first.order(signOrder(who, words, { aud: FLEET }), '?wait=2s')
    return ((await answer.json()) as { id: string }).id
  }
  const incident = 'INC-7'
  await order(desk, {
    kind: 'incident',
    incident,
    action: 'open',
    reason: 'records of patients for sale on a forum',
    noticedAt: new Date(Date.now() - 40 * 60_000).toISOString(),
  })
  const lock = await order(desk, {
    kind: 'lock',
    scope: { tags: ['partner'] },
    mode: 'deny',
    reason: 'a partner key reads records of others',
    incident,
    ttl: '2h',
  })
  await order(lead, {
    kind: 'release',
    locks: [lock],
    reason: 'the partner endpoint asks for an OTP now',
    thaw: {
      owner: 'lead',
      deadline: '1h',
      stages: [
        { readOnly: true, for: '10m' },
        { percent: 10, for: '10m' },
        { all: true, for: '1m' },
      ],
    },
  }).catch(() => undefined)
  await traffic(first)

  const shoot = async (name: string): Promise<void> => {
    if (only.length > 0 && !only.some((each) => name.includes(each))) return
    mkdirSync(OUT, { recursive: true })
    await page.screenshot({ path: path.join(OUT, `${name}.png`), animations: 'disabled' })
  }
  const at = async (hash: string): Promise<void> => {
    await page.goto(`http://127.0.0.1:${first.controlPort}/console/#/${hash}`)
    await page.locator('main h1').waitFor()
    await page.waitForLoadState('networkidle').catch(() => undefined)
    await page
      .getByText(/^(?:Searching|खोज रहे हैं) …$/)
      .first()
      .waitFor({ state: 'hidden' })
    await page.waitForTimeout(1500)
  }
  for (const [lang, width, height] of [
    ['en', 1440, 900],
    ['en', 360, 740],
    ['hi', 1440, 900],
    ['hi', 360, 740],
  ] as const) {
    await page.setViewportSize({ width, height })
    await page.locator('.settings select').nth(0).selectOption(lang)
    for (const name of PAGES) {
      await at(name)
      await shoot(`console-${name}-${lang}-${width}`)
    }
    await at('state')
    await page.keyboard.press('f')
    await page.locator('dialog .impact .fact').first().waitFor()
    await shoot(`console-freeze-${lang}-${width}`)
    await page.keyboard.press('Escape')
    await page.keyboard.press('x')
    await page.locator('[name=explain-path]').fill('/api/v2/partner/5550000003')
    await page.keyboard.press('Enter')
    await page.locator('dialog#explain [data-verdict]').waitFor()
    await page.locator('dialog#explain .explanation').scrollIntoViewIfNeeded()
    await shoot(`console-explain-${lang}-${width}`)
    await page.keyboard.press('Escape')
  }
  await page.locator('.settings select').nth(0).selectOption('en')
  await page.setViewportSize({ width: 1440, height: 900 })
  await at('live')
  await page.locator('.finding').first().scrollIntoViewIfNeeded()
  await shoot('console-findings')
  await page.keyboard.press('f')
  await page.locator('input[name=reason]').fill('records of patients for sale')
  await page.locator('input[name=incident]').fill('INC-7')
  await page.keyboard.press('Control+Enter')
  await page.locator('dialog [data-proof=whole]').waitFor()
  await page.locator('dialog .proof').scrollIntoViewIfNeeded()
  await shoot('console-proof')
  await page.keyboard.press('Escape')
  await at('state')
  await shoot('console-frozen')
  console.log(visitor.complaints.length === 0 ? `pictures in ${OUT}` : visitor.complaints.join('\n'))
} finally {
  await browser.close()
  for (const gateway of gateways) await gateway.cleanUp()
  await redis.stop()
  await upstream.close()
  rmSync(home, { recursive: true, force: true })
}

/** Citizens who read their own, a partner that reads everybody's, and somebody who wanders. */
async function traffic({ url, issuer }: GatewayProcess): Promise<void> {
  const from = (client: string, headers: Record<string, string> = {}) => ({
    headers: { 'x-forwarded-for': client, ...headers },
  })
  const citizens = Array.from({ length: 8 }, (_, i) => ({
    id: `4${String(71100 + i)}`,
    bearer: `Bearer ${issuer.token({ sub: `citizen-${i}`, azp: 'citizen-app' })}`,
  }))
  const scraper = `Bearer ${issuer.token({ sub: 'clinic-17', azp: 'partner-app', amr: ['pwd'] })}`
  for (let round = 0; round < 30; round += 1) {
    await Promise.all([
      ...citizens.map(({ id, bearer }, i) =>
        fetch(`${url}/api/v2/records/${id}`, from(`10.1.0.${i + 2}`, { authorization: bearer })),
      ),
      fetch(`${url}/api/v2/records/${50_000 + round}`, from('10.9.8.7', { authorization: scraper })),
      fetch(`${url}/api/v2/partner/98765${String(10_000 + round)}`, from('10.9.8.7')),
      fetch(`${url}/api/v2/facilities`, from('10.1.0.99')),
      fetch(`${url}/api/v2/admin/${round}`, from('10.44.0.1')),
    ])
    await new Promise((resolve) => setTimeout(resolve, 150))
  }
}
