// The responder's page in a real browser, before one real gateway: accessible, small, in two languages, and deaf to what attackers send.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from 'playwright-core'
import { isBrowserMissing, signInWithNewKey, startBrowser, visit, type Visitor } from '../support/browser.ts'
import { floodOf, startPrefixProxy } from '../support/prefix-proxy.ts'
import {
  eventually,
  signOrder,
  startGateway,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'

const ROUTES = `
  - { id: record.read, path: "/api/v2/records/{recordId}", methods: [GET], upstream: registry, tags: [pii], session: { level: required, maxAge: 15m, bind: { param.recordId: claim.record_ids } } }
  - { id: facilities, path: /api/v2/facilities, methods: [GET], upstream: registry, session: none, audit: best-effort }
  - { id: partner.lookup, path: "/api/v2/partner/{mobile}", methods: [GET], upstream: registry, tags: [partner, pii], session: none }
`
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const HOSTILE = '<img src=x onerror="globalThis.pwned=1"><script>globalThis.pwned=1</script>\u202e\u001b[2J'

/** What axe-core finds against WCAG 2.2 AA. Its own script is run by the debugger, which no policy of the page is asked about. */
async function violations({ page }: Visitor): Promise<readonly string[]> {
  await page.evaluate(AXE)
  const found = await page.evaluate(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  )
  return (found as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }).violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`,
  )
}

const PAGES = ['state', 'live', 'release', 'sessions', 'trail', 'fleet', 'incidents', 'key']

;(isBrowserMissing() ? describe.skip : describe)('the console', () => {
  let browser: Browser
  let gateway: GatewayProcess
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let desk: Visitor
  const closing: { close(): Promise<void> }[] = []
  const at = (hash: string): string => `http://127.0.0.1:${gateway.controlPort}/console/#/${hash}`
  const state = (): Promise<string | null> => desk.page.locator('.banner .state strong').textContent()

  beforeAll(async () => {
    // First: a gateway reads the built page when it starts.
    browser = await startBrowser()
    upstream = await startRawUpstream()
    gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES })
    desk = await visit(browser, `http://127.0.0.1:${gateway.controlPort}/`)
    await signInWithNewKey(desk, 'night-desk', 'responder', gateway)
  })

  afterAll(async () => {
    await browser?.close()
    for (const each of closing) await each.close()
    await gateway?.cleanUp()
    await upstream?.close()
  })

  test('signs in with a key that cannot be read out, and keeps nothing that opens anything', async () => {
    expect(await state()).toBe('Open')
    const kept = await desk.page.evaluate(async () => {
      const database = await new Promise<IDBDatabase>((resolve) => {
        const request = indexedDB.open('portcullis')
        request.onsuccess = () => resolve(request.result)
      })
      const [key] = await new Promise<{ privateKey: CryptoKey }[]>((resolve) => {
        const request = database.transaction('keys').objectStore('keys').getAll()
        request.onsuccess = () => resolve(request.result as { privateKey: CryptoKey }[])
      })
      if (key === undefined) throw new Error('no key')
      const exported = await crypto.subtle.exportKey('pkcs8', key.privateKey).catch((error: unknown) => String(error))
      return { exported, stored: JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]) }
    })
    expect(kept.exported).toMatch(/InvalidAccessError/)
    expect(kept.stored).not.toMatch(/[0-9a-f]{64}/)
  })

  test('the first paint is under 100 KB compressed, all of it from the gateway', async () => {
    const visitor = await visit(browser, 'about:blank')
    let bytes = 0
    const origins = new Set<string>()
    visitor.page.on('response', (response) => {
      origins.add(new URL(response.url()).origin)
      bytes += Number(response.headers()['content-length'] ?? 0)
    })
    await visitor.page.goto(at('state'), { waitUntil: 'networkidle' })
    expect([...origins]).toEqual([`http://127.0.0.1:${gateway.controlPort}`])
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(100_000)
    await visitor.context.close()
  })

  test.each([
    ['en', 'dark', 1440],
    ['hi', 'light', 360],
  ])('no page has a violation of WCAG 2.2 AA, nor scrolls sideways: %s, %s, %i px', async (lang, theme, width) => {
    await desk.page.setViewportSize({ width, height: 800 })
    const [languages, , themes] = [0, 1, 2].map((index) => desk.page.locator('.settings select').nth(index))
    await languages?.selectOption(lang)
    await themes?.selectOption(theme)
    const found: unknown[] = []
    for (const page of PAGES) {
      await desk.page.goto(at(page))
      await desk.page.locator('main h1').waitFor()
      for (const each of await violations(desk)) found.push([page, each])
      const overflow = await desk.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (overflow > 0) found.push([page, 'overflows', overflow])
    }
    await desk.page.keyboard.press('f')
    await desk.page.locator('dialog#freeze input[type=radio]').nth(1).check()
    for (const each of await violations(desk)) found.push(['freeze', each])
    await desk.page.keyboard.press('Escape')
    await desk.page.locator('.settings select').nth(0).selectOption('en')
    await desk.page.setViewportSize({ width: 1440, height: 900 })
    expect(found).toEqual([])
  })

  test('freezes by keyboard alone, in two deliberate actions, and shows the proof; takes it back within the minute', async () => {
    await desk.page.goto(at('state'))
    await desk.page.locator('main h1').waitFor()
    await desk.page.keyboard.press('f')
    await desk.page.locator('dialog#freeze[open]').waitFor()
    // The first action opens; without a reason the second gives nothing.
    await desk.page.keyboard.press('Control+Enter')
    expect(await desk.page.locator('dialog [role=alert]').textContent()).toMatch(/Say why/)
    expect(await state()).toBe('Open')
    await desk.page.keyboard.type('records for sale')
    await desk.page.keyboard.press('Control+Enter')
    await desk.page.locator('[data-proof=whole]').first().waitFor()
    expect(await desk.page.locator('dialog .proof').textContent()).toMatch(/w1 has shown that it refuses, after \d+ ms/)
    await desk.page.keyboard.press('Escape')
    await desk.page.locator('.banner.frozen').waitFor()
    expect(await desk.page.title()).toMatch(/^FROZEN/)
    expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
    await desk.page.getByRole('button', { name: /Take back/ }).click()
    await desk.page.locator('.banner.open').waitFor()
    expect((await gateway.get('/api/v2/facilities')).status).toBe(200)
    // The reason is remembered: the next freeze needs no word.
    await desk.page.keyboard.press('f')
    expect(await desk.page.locator('input[name=reason]').inputValue()).toBe('records for sale')
    await desk.page.keyboard.press('Escape')
  })

  test('what an attacker sent is text: nothing runs, turns round or forges the page', async () => {
    await desk.page.goto(at('live'))
    // On the time line from the first look on, though it was before it.
    await desk.page.locator('.moments li', { hasText: 'started' }).waitFor()
    await fetch(`${gateway.url}/api/v2/partner/${encodeURIComponent(HOSTILE)}`, {
      headers: { 'user-agent': '<b>x</b>' },
    })
    await fetch(`${gateway.url}/<svg onload=globalThis.pwned=1>`)
    const [lead] = gateway.people.filter(({ role }) => role === 'commander')
    if (lead === undefined) throw new Error('nobody leads')
    const scope = { clients: [HOSTILE] }
    const order = signOrder(lead, { kind: 'lock', scope, reason: HOSTILE, incident: HOSTILE })
    expect((await gateway.order(order, '?wait=1s')).status).toBe(201)
    await desk.page.goto(at('state'))
    const card = desk.page.locator('.lock').first()
    await card.waitFor()
    expect(await card.textContent()).toContain('<script>globalThis.pwned=1</script>\\u202e\\u001b[2J')
    for (const page of PAGES) await desk.page.goto(at(page))
    expect(await desk.page.evaluate(() => 'pwned' in globalThis)).toBe(false)
    expect(await desk.page.locator('main img, main script, main svg').count()).toBe(0)
  })

  test('one tool from anywhere is one row among the cohorts, and is locked from there by its user agent', async () => {
    await desk.page.goto(at('live'))
    const row = desk.page.locator('section[aria-labelledby=top-cohorts] tbody tr', { hasText: 'scraper/# (crawl; #)' })
    const cells = (): Promise<readonly string[]> => row.locator('td').allTextContents()
    const isCounted = await eventually(async () => {
      for (const version of ['1.2', '3']) {
        const headers = { 'user-agent': `scraper/${version} (crawl; ${version})` }
        await fetch(`${gateway.url}/api/v2/partner/98765432${version.length}0`, { headers })
        await fetch(`${gateway.url}/api/v2/nowhere`, { headers })
      }
      const [requests, refused, addresses, persons] = (await cells()).map(Number)
      // Half of them are refused, once a telling has not come between two of them.
      return requests !== undefined && requests >= 4 && refused === requests / 2 && addresses === 1 && persons === 2
    })
    expect(isCounted).toBe(true)
    await row.getByRole('button').click()
    expect(await desk.page.locator('dialog textarea[name=userAgents]').inputValue()).toBe('scraper/* (crawl; *)')
    await desk.page.keyboard.press('Escape')
  })

  test('a request is explained by keyboard: who decides, on whose word; what names a person is asked for by pseudonym', async () => {
    const [lead] = gateway.people.filter(({ role }) => role === 'commander')
    if (lead === undefined) throw new Error('nobody leads')
    const words = { kind: 'lock', mode: 'deny', incident: 'INC-9' }
    const scopes = [{ tags: ['partner'] }, { cidrs: ['10.66.0.0/16'] }] as const
    for (const [index, scope] of scopes.entries())
      await gateway.order(signOrder(lead, { ...words, scope, reason: `explained ${index}` }), '?wait=1s')
    await desk.page.goto(at('state'))
    await desk.page.locator('.lock', { hasText: 'explained 1' }).waitFor()
    const sent: string[] = []
    desk.page.on('request', (request) => {
      if (request.url().endsWith('/explain')) sent.push(request.postData() ?? '')
    })
    await desk.page.keyboard.press('x')
    await desk.page.locator('dialog#explain [name=explain-path]').waitFor()
    await desk.page.keyboard.type('/api/v2/partner/9876543211')
    await desk.page.locator('[name=explain-subjects]').fill('9876543211')
    await desk.page.locator('[name=explain-address]').fill('10.66.0.9')
    await desk.page.keyboard.press('Enter')
    const answer = desk.page.locator('dialog#explain [data-verdict=refused]')
    await answer.waitFor()
    expect(await answer.textContent()).toMatch(
      /REFUSED by a lock.*GET on partner\.lookup.*Decided by.*explained 0.*by lead.*Reached by as well.*explained 1/,
    )
    const { subjects } = JSON.parse(sent.at(-1) ?? '{}') as { subjects: string[] }
    expect([subjects.length, subjects[0]]).toEqual([1, await desk.page.locator('[name=explain-subjects]').inputValue()])
    expect(subjects[0]).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{20,}$/)
    // Another route is reached by nothing but the network, from where it is.
    await desk.page.locator('[name=explain-route]').selectOption('facilities')
    await desk.page.locator('[name=explain-address]').fill('192.0.2.1')
    await desk.page.keyboard.press('Enter')
    await desk.page.locator('dialog#explain [data-verdict="passes the locks"]').waitFor()
    expect(await desk.page.locator('dialog#explain').textContent()).toContain('No lock reaches it.')
    for (const each of await violations(desk)) expect(each).toBe('no violation')
    await desk.page.keyboard.press('Escape')
    await desk.page.keyboard.press('?')
    expect(await desk.page.locator('dialog#help').textContent()).toMatch(/x\s*Explain a request/)
    await desk.page.keyboard.press('Escape')
  })

  test('a lock that only observes tells on the page whom it would have refused', async () => {
    const [lead] = gateway.people.filter(({ role }) => role === 'commander')
    if (lead === undefined) throw new Error('nobody leads')
    const words = { kind: 'lock', mode: 'observe', incident: 'INC-9', reason: 'what would it cost' }
    await gateway.order(signOrder(lead, { ...words, scope: { routes: ['facilities'] } }), '?wait=1s')
    for (let count = 0; count < 3; count += 1) await gateway.get('/api/v2/facilities')
    await desk.page.goto(at('state'))
    const card = desk.page.locator('.lock', { hasText: 'what would it cost' })
    await card.getByText(/Would have refused since: 3 requests, 0 sessions, 0 people, 1 addresses/).waitFor()
    expect(await card.textContent()).toMatch(/Observe only Routes: facilities/)
  })

  test('a row of the stream is explained as it was decided, and by what stands now', async () => {
    await desk.page.goto(at('live'))
    await desk.page.locator('input[type=search]').fill('decision:locked route:partner.lookup')
    const row = desk.page.locator('.stream tbody tr', { hasText: 'partner.lookup' }).first()
    await eventually(async () => {
      await gateway.get('/api/v2/partner/9876543212')
      return (await row.count()) > 0
    }, 10_000)
    await desk.page.getByRole('button', { name: /Pause/ }).click()
    await row.locator('select').selectOption('explain')
    const dialog = desk.page.locator('dialog#explain')
    await dialog.locator('[data-verdict=refused]').waitFor()
    expect(await dialog.textContent()).toMatch(/locked · 503 · reason: locked.*Decided by.*explained 0/)
    await desk.page.keyboard.press('Escape')
    await desk.page.getByRole('button', { name: /Go on/ }).click()
    await desk.page.locator('input[type=search]').fill('')
  })

  test('until the first numbers are here, the chart tells of no time at all', async () => {
    const visitor = await visit(browser, 'about:blank')
    await visitor.page.route('**/api/v1/rates*', (route) =>
      route.fulfill({ json: { seconds: [], routes: [], changes: [] } }),
    )
    await visitor.page.route('**/api/v1/events*', (route) => route.abort())
    await visitor.page.goto(at('live'))
    await visitor.page.locator('input[name=token]').fill(gateway.readToken)
    await visitor.page.getByRole('button', { name: 'Look' }).click()
    await visitor.page.locator('.chart', { hasText: 'Loading' }).waitFor()
    expect(await visitor.page.locator('.chart canvas').count()).toBe(0)
    await visitor.context.close()
  })

  test('a session is looked up, says what it has read, and is ended by an order signed in the page', async () => {
    const token = gateway.issuer.token({ record_ids: ['4711'] })
    const read = (): Promise<Response> =>
      fetch(`${gateway.url}/api/v2/records/4711`, { headers: { authorization: `Bearer ${token}` } })
    expect([(await read()).status, (await read()).status]).toEqual([200, 200])
    await desk.page.goto(at('sessions'))
    const card = desk.page.locator('article.session')
    await desk.page.locator('select[name=look-by]').selectOption('subjects')
    // The trail tells what a checkpoint covers, a second later.
    let facts: readonly string[] = []
    await eventually(async () => {
      await desk.page.locator('input[name=look-for]').fill('4711')
      await desk.page.getByRole('button', { name: 'Look up', exact: true }).click()
      await desk.page
        .locator('[data-sessions="1"]')
        .waitFor({ timeout: 1000 })
        .catch(() => undefined)
      facts = await card.locator('.fact dd').allTextContents()
      return facts[0] === '2'
    })
    expect(facts).toEqual(['2', '1', '0', '127.0.0.1'])
    // With the answer, which may come after the one before it was read.
    const isCleared = async (): Promise<boolean> =>
      (await desk.page.locator('input[name=look-for]').inputValue()) === ''
    expect(await eventually(isCleared)).toBe(true)
    await card.getByRole('button', { name: 'Its newest requests' }).click()
    await card.locator('tbody tr').nth(1).waitFor()
    const session = (await card.getAttribute('data-session')) ?? ''
    await card.getByRole('button', { name: /Revoke this session/ }).click()
    await desk.page.locator('dialog#revoke input').first().fill('left signed in at a kiosk')
    await desk.page.locator('dialog#revoke').getByRole('button', { name: 'Revoke', exact: true }).click()
    await desk.page.getByText(/Revoked at epoch/).waitFor()
    expect((await read()).status).toBe(401)
    await desk.page.keyboard.press('Escape')
    await desk.page.locator('select[name=look-by]').selectOption('sessions')
    await desk.page.locator('input[name=look-for]').fill(session)
    await desk.page.getByRole('button', { name: 'Look up', exact: true }).click()
    await card.getByText(/REVOKED by night-desk/).waitFor()
    expect(await card.getByRole('button', { name: /Revoke this session/ }).count()).toBe(0)
  })

  test('a record is proven in the page, and one of another checkpoint’s tree is not', async () => {
    await desk.page.goto(at('trail'))
    await desk.page.locator('input[name=index]').fill('2')
    await desk.page.getByRole('button', { name: 'Fetch and prove' }).click()
    await desk.page.locator('[data-proven="2"]').waitFor()
    // A tile that is not what it was: the page must notice, whatever the gateway says.
    await desk.page.route('**/audit/tile/entries/**', async (route) => {
      const answer = await route.fetch()
      const body = await answer.body()
      // Each entry stands behind its length (C2SP tlog-tiles): a byte of the one that is asked for.
      let at = 0
      for (let index = 0; index < 2; index += 1) at += 2 + body.readUInt16BE(at)
      body[body.indexOf('"seq":', at) + 6] = 0x78
      await route.fulfill({ response: answer, body })
    })
    await desk.page.getByRole('button', { name: 'Fetch and prove' }).click()
    await desk.page.getByText('the record does not lead to the signed root').waitFor()
    await desk.page.unroute('**/audit/tile/entries/**')
  })

  test('behind a path prefix, 2,000 decisions a second streaming hold up nothing for 200 ms', async () => {
    const proxy = await startPrefixProxy('/gate', gateway.controlPort, floodOf(500, 250))
    closing.push(proxy)
    // The machine may be busy with other tests, and what the page holds up it holds up each time: what counts is the best of three.
    let longest = Infinity
    for (let round = 1; round <= 3 && longest >= 200; round += 1)
      longest = Math.min(longest, await longestTask(proxy.url))
    expect(longest).toBeLessThan(200)
  })

  /** Milliseconds; of somebody who opens the page, reads the stream and filters it. */
  async function longestTask(url: string): Promise<number> {
    const visitor = await visit(browser, `${url}/gate/`)
    await visitor.page.getByLabel('Read token', { exact: true }).fill(gateway.readToken)
    await visitor.page.getByRole('button', { name: 'Look' }).click()
    await visitor.page.locator('.banner .state').waitFor()
    expect(visitor.page.url()).toBe(`${url}/gate/console/`)
    await visitor.page.evaluate(() => {
      location.hash = '#/live'
      const longest: number[] = []
      Object.assign(globalThis, { longest })
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) longest.push(entry.duration)
      }).observe({ type: 'longtask' })
    })
    const heard = visitor.page.getByText(/Shown 60 of the (?:[6-9]|\d\d),\d{3} that this page has heard/)
    await heard.waitFor()
    const filter = visitor.page.locator('input[type=search]')
    await filter.fill('route:partner.lookup 10.0.7')
    await visitor.page.getByText(/Shown 0 of/).waitFor()
    await filter.fill('decision:throttled 10.0.7')
    await visitor.page.locator('.stream tbody tr').first().waitFor()
    for (const row of await visitor.page.locator('.stream tbody tr').allTextContents())
      expect(row).toMatch(/throttled.*10\.0\.7/)
    await visitor.page.getByRole('button', { name: /Pause/ }).click()
    await visitor.page.getByText(/Paused: [\d,]+ more have come/).waitFor()
    const longest = await visitor.page.evaluate(() => (globalThis as unknown as { longest: number[] }).longest)
    expect(visitor.complaints).toEqual([])
    await visitor.context.close()
    return Math.max(0, ...longest)
  }

  test('who asks too much is told so by the page, which says how old it is and goes on by itself; orders are taken', async () => {
    await desk.page.goto(at('live'))
    const asked = desk.page.waitForRequest(/\/api\/v1\/status$/)
    const authorization = (await (await asked).headerValue('authorization')) ?? ''
    const question = (connection: string): string =>
      `GET /api/v1/locks HTTP/1.1\r\nHost: 127.0.0.1:${gateway.controlPort}\r\nAuthorization: ${authorization}\r\nConnection: ${connection}\r\n\r\n`
    let isGreedy = true
    // A script with the responder's own login that waits for no answer: faster than anybody may be, also on a busy machine.
    const greedy = Array.from({ length: 8 }, async () => {
      while (isGreedy)
        await new Promise((resolve) => {
          const socket = net.connect(gateway.controlPort, '127.0.0.1')
          socket.on('error', () => undefined).on('close', resolve)
          socket.resume().write(`${question('keep-alive').repeat(50)}${question('close')}`)
        })
    })
    const alarm = desk.page.locator('.banner .alarm')
    try {
      await alarm.getByText(/takes no more questions of this login/).waitFor()
      await alarm.getByText(/STALE: nothing heard for/).waitFor()
      const [lead] = gateway.people.filter(({ role }) => role === 'commander')
      if (lead === undefined) throw new Error('nobody leads')
      const words = { kind: 'lock', mode: 'observe', scope: { tags: ['pii'] }, reason: 'x', incident: 'I' }
      expect((await gateway.order(signOrder(lead, words))).status).toBe(201)
      expect((await fetch(`http://127.0.0.1:${gateway.controlPort}/metrics`)).status).toBe(200)
    } finally {
      isGreedy = false
      await Promise.all(greedy)
    }
    await alarm.waitFor({ state: 'detached' })
    expect(await desk.page.locator('.banner .state').count()).toBe(1)
  })

  test('an idle or refused session ends here and at the gateway; the page says why', async () => {
    await desk.page.getByRole('button', { name: /Sign out/ }).click()
    await desk.page.getByRole('heading', { name: 'Sign in', exact: true }).waitFor()
    expect(await desk.page.locator('.banner').count()).toBe(0)
    await desk.page.getByRole('button', { name: 'Sign in as night-desk' }).click()
    await desk.page.locator('.banner .state').waitFor()
  })

  test('nothing was complained of by the browser: no error, and nothing that the policy had to stop', () => {
    expect(desk.complaints).toEqual([])
  })
})
