// The story whole: two responders in two browsers, three gateways, a real Redis. Notice, impact, freeze, proof, whose, propose, approve,
// thaw, report, verify.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from 'playwright-core'
import { isBrowserMissing, keyFileOf, signInWithNewKey, startBrowser, visit, type Visitor } from '../support/browser.ts'
import {
  eventually,
  makePerson,
  prepareGateway,
  runCommand,
  signOrder,
  startRawUpstream,
  type GatewayProcess,
} from '../support/gateway-process.ts'
import { missingRedis, startRedis, type RedisServer } from '../support/redis-server.ts'

const FLEET = 'cowin-console'
const ROUTES = `
  - { id: facilities, path: /api/v2/facilities, methods: [GET], upstream: registry, session: none }
  - { id: partner.lookup, path: "/api/v2/partner/{mobile}", methods: [GET, POST], upstream: registry, tags: [partner, pii], session: none, throttle: { subjects: 3/h } }
`
const people = [
  makePerson('night-desk', 'responder'),
  makePerson('lead', 'commander'),
  makePerson('chief', 'commander'),
] as const
const [, lead, chief] = people
const SECRET = 'a secret of thirty-two characters.'
const NEXT = 'another secret of thirty-two characters.'
const ALERT_TOKEN = 'alertmanager-brings-this'

const missing = missingRedis()
if (missing !== undefined) console.warn(`SKIPPED: the console over a fleet was not tried, since ${missing}`)

;(isBrowserMissing() || missing !== undefined ? describe.skip : describe)(
  'two responders before a fleet of three',
  () => {
    const home = mkdtempSync(path.join(tmpdir(), 'portcullis-console-'))
    let redis: RedisServer
    let browser: Browser
    let upstream: Awaited<ReturnType<typeof startRawUpstream>>
    const gateways: GatewayProcess[] = []
    const visitors: Visitor[] = []
    const gatewayAt = (index: number): GatewayProcess => {
      const found = gateways[index]
      if (found === undefined) throw new Error(`no gateway ${index}`)
      return found
    }
    const visitorAt = (index: number): Visitor => {
      const found = visitors[index]
      if (found === undefined) throw new Error(`nobody ${index}`)
      return found
    }
    const served = (path: string): Promise<number[]> =>
      Promise.all(gateways.map(async (gateway) => (await gateway.get(path)).status))
    const secretFileOf = (index: number): string => path.join(home, `fleet-${index}.secret`)
    /** One secret a line: the first vouches, all are believed. */
    const writeSecret = (index: number, ...secrets: readonly string[]): void =>
      writeFileSync(secretFileOf(index), secrets.join('\n'), { mode: 0o600 })
    const go = (who: Visitor, index: number, page: string): Promise<unknown> =>
      who.page.goto(`http://127.0.0.1:${gatewayAt(index).controlPort}/console/#/${page}`)

    /** An answer tells what is sealed, by who answers in time: where the machine is busy it is asked for again. */
    const askWhoseUntil = async (...shown: readonly string[]): Promise<void> => {
      const { page } = visitorAt(0)
      const isTold = async (): Promise<boolean> => {
        await page.getByRole('button', { name: 'Whose records' }).click()
        const all = shown.map((each) => page.locator(each).waitFor({ timeout: 5_000 }))
        return (await Promise.allSettled(all)).every(({ status }) => status === 'fulfilled')
      }
      expect(await eventually(isTold, 60_000)).toBe(true)
    }

    beforeAll(async () => {
      browser = await startBrowser()
      redis = await startRedis()
      upstream = await startRawUpstream()
      for (let index = 0; index < 3; index += 1) {
        writeSecret(index, SECRET)
        gateways.push(
          await prepareGateway({
            upstreamPort: upstream.port,
            routes: ROUTES,
            people,
            store: `{ kind: redis, dir: ./data, lease: 2s, redis: { url: "${redis.url}", fleet: ${FLEET}, secretFile: "${secretFileOf(index)}" } }`,
          }),
        )
      }
      const { configFile } = gatewayAt(0)
      const token = createHash('sha256').update(ALERT_TOKEN).digest('hex')
      const alerts = `  alertmanager: { token: { sha256: "${token}" }, rules: [{ match: { alertname: RecordScraping }, action: propose, mode: read-only, scope: { tags: [pii] } }] }\n`
      const config = readFileSync(configFile, 'utf8')
      writeFileSync(configFile, config.replace('  releaseApprovals: 2\n', `  releaseApprovals: 2\n${alerts}`))
      await gatewayAt(0).start('/healthz')
      await gatewayAt(0).order(signOrder(lead, { kind: 'genesis', reason: 'a new fleet' }, { aud: FLEET }))
      await Promise.all([gatewayAt(1).start('/healthz'), gatewayAt(2).start('/healthz')])
      expect(
        await eventually(async () => (await served('/api/v2/facilities')).every((status) => status === 200), 30_000),
      ).toBe(true)
      for (const [index, name, role] of [
        [0, 'night-desk', 'responder'],
        [1, 'lead', 'commander'],
      ] as const) {
        const visitor = await visit(browser, `http://127.0.0.1:${gatewayAt(index).controlPort}/`)
        visitors.push(visitor)
        await signInWithNewKey(visitor, name, role, gatewayAt(index))
      }
    })

    afterAll(async () => {
      await browser?.close()
      for (const gateway of gateways) await gateway.cleanUp()
      await redis?.stop()
      await upstream?.close()
      rmSync(home, { recursive: true })
    })

    test('a finding is noticed with its sentence, and answered by a signature that is kept', async () => {
      const desk = visitorAt(0)
      for (const last of ['0', '0', '1', '2', '3', '4']) await gatewayAt(0).get(`/api/v2/partner/987654321${last}`)
      await go(desk, 0, 'live')
      const finding = desk.page.locator('.finding', { hasText: /4th new person in 60 minutes, limit 3/ }).first()
      await finding.waitFor()
      expect(await finding.textContent()).toMatch(/4 of 3.*partner\.lookup.*127\.0\.0\.1/)
      // From there to a lock of this caller alone, which is looked at and left.
      await finding.getByRole('button', { name: /Lock the caller/ }).click()
      expect(await desk.page.locator('dialog textarea[name=cidrs]').inputValue()).toBe('127.0.0.1/32')
      await desk.page.keyboard.press('Escape')
      await finding.getByRole('button', { name: /Answer/ }).click()
      await desk.page.locator('input[name=answer-reason]').fill('seen: it is the leak')
      await desk.page.getByRole('button', { name: 'Sign the answer' }).click()
      await finding.waitFor({ state: 'detached' })
    })

    test('each gateway is told with its clock and its trail', async () => {
      const desk = visitorAt(0)
      await go(desk, 0, 'fleet')
      await desk.page
        .locator('tbody tr', { hasText: /✓ proven.*± \d+.*by Redis.*healthy/ })
        .nth(2)
        .waitFor()
    })

    test('while the secret is replaced, the page names who still stands by the old one, until nobody does', async () => {
      const desk = visitorAt(0)
      const said = desk.page.locator('[data-old-secret]')
      expect(await said.count()).toBe(0)
      for (const index of [0, 1]) writeSecret(index, NEXT, SECRET)
      writeSecret(2, SECRET, NEXT)
      await desk.page.locator('[data-old-secret="1"]').waitFor()
      const names = await desk.page.locator('tbody tr', { hasText: 'old fleet secret' }).locator('th').allTextContents()
      expect(names).toEqual([expect.stringContaining(`127.0.0.1:${gatewayAt(2).controlPort}`)])
      expect(await said.textContent()).toMatch(
        /Stand by the old fleet secret: portcullis\/gateway-[0-9a-f]{12}\. Keep its line/,
      )
      writeSecret(2, NEXT, SECRET)
      await said.waitFor({ state: 'detached' })
    })

    test('a lock that an alert suggests stands on the page, and holds nothing until somebody looks and signs', async () => {
      const desk = visitorAt(0)
      await go(desk, 0, 'state')
      const alert = { status: 'firing', labels: { alertname: 'RecordScraping' }, fingerprint: 'aa11' }
      const response = await fetch(`http://127.0.0.1:${gatewayAt(0).controlPort}/api/v1/alertmanager`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${ALERT_TOKEN}` },
        body: JSON.stringify({ version: '4', alerts: [{ ...alert, startsAt: new Date().toISOString() }] }),
      })
      expect(response.status).toBe(200)
      const card = desk.page.locator('section[aria-labelledby=suggestions]')
      await card.waitFor()
      expect(await card.textContent()).toMatch(/RecordScraping.*Reading passes.*Tags: pii/)
      await card.getByRole('button', { name: /Look and lock/ }).click()
      const dialog = desk.page.locator('dialog#freeze')
      expect(await dialog.locator('select[name=mode]').inputValue()).toBe('read-only')
      expect(await dialog.getByRole('checkbox', { name: 'pii' }).isChecked()).toBe(true)
      await desk.page.keyboard.press('Escape')
      expect(await desk.page.locator('.banner.open').count()).toBe(1)
    })

    test('the desk sees the impact, freezes, and watches each of the three prove it', async () => {
      const desk = visitorAt(0)
      await go(desk, 0, 'live')
      await desk.page.locator('.stream tbody tr', { hasText: 'partner.lookup' }).first().waitFor()
      await desk.page.keyboard.press('f')
      const impact = desk.page.locator('dialog .impact .fact').first()
      await impact.waitFor()
      expect(Number((await impact.locator('dd').textContent())?.replaceAll(/\D/g, ''))).toBeGreaterThanOrEqual(4)
      await desk.page.locator('input[name=reason]').fill('records for sale')
      await desk.page.locator('input[name=incident]').fill('INC-7')
      await desk.page.keyboard.press('Control+Enter')
      await desk.page.locator('dialog [data-proof=whole]').waitFor()
      const arrivals = await desk.page.locator('dialog .proof li').allTextContents()
      expect(arrivals).toHaveLength(3)
      for (const each of arrivals)
        expect(each).toMatch(/portcullis\/gateway-[0-9a-f]{12} has shown that it refuses, after \d+ ms/)
      expect(await served('/api/v2/facilities')).toEqual([503, 503, 503])
      await desk.page.keyboard.press('Escape')
      await visitorAt(1).page.locator('.banner.frozen').waitFor()
      // From the lock to the record of its order, proven in the page. It is under a checkpoint a second later.
      await eventually(async () => {
        await go(desk, 0, 'state')
        await desk.page.getByRole('link', { name: 'Its record' }).first().click()
        const index = desk.page.locator('input[name=index]')
        await index.waitFor()
        return eventually(async () => (await index.inputValue()) !== '', 1000)
      })
      const isProven = async (): Promise<boolean> => {
        await desk.page.getByRole('button', { name: 'Fetch and prove' }).click()
        const proven = desk.page.locator('[data-proven]').waitFor({ timeout: 2000 })
        return proven.then(
          () => true,
          () => false,
        )
      }
      expect(await eventually(isProven, 20_000)).toBe(true)
      expect(await desk.page.locator('main').textContent()).toContain('records for sale')
    })

    test('whose records went is found in the page, by pseudonym, and a number that was asked for stands nowhere', async () => {
      const desk = visitorAt(0)
      await go(desk, 0, 'trail')
      await desk.page.locator('select[name=whose-route]').selectOption('partner.lookup')
      // Asked of one page, answered by every trail.
      await askWhoseUntil('[data-whose="3"]', '[data-trails="3"]')
      expect(await desk.page.locator('[data-missing]').count()).toBe(0)
      await desk.page.locator('input[name=identifier]').fill('9876543210')
      await desk.page.getByRole('button', { name: 'Search', exact: true }).click()
      await desk.page
        .getByText(/[2-9] records/)
        .first()
        .waitFor()
      expect(await desk.page.content()).not.toContain('9876543210')
      expect(gateways.map((gateway) => gateway.log()).join('')).not.toContain('9876543210')
    })

    test('what one trail alone answers says so, and names those that were not asked', async () => {
      const desk = visitorAt(0)
      await go(desk, 0, 'sessions')
      const note = desk.page.locator('[data-not-asked="2"]')
      await note.waitFor()
      const names = ((await note.textContent()) ?? '').match(/portcullis\/gateway-[0-9a-f]{12}/g)
      expect(names).toHaveLength(2)
      const own = (await gatewayAt(0).api('/api/v1/status')).json() as Promise<{ audit: { vkey: string } }>
      expect(names).not.toContain((await own).audit.vkey.split('+')[0])
      await go(desk, 0, 'trail')
      await note.waitFor()
    })

    test('a client that no record has is told as mistyped, with the one that was meant', async () => {
      const desk = visitorAt(0)
      await go(desk, 0, 'trail')
      await desk.page.locator('input[name=whose-client]').fill('127.0.0.2')
      await desk.page.getByRole('button', { name: 'Whose records' }).click()
      const unknown = desk.page.locator('[data-unknown=clients]')
      await unknown.waitFor()
      expect(await unknown.textContent()).toMatch(/has the client 127\.0\.0\.2: is it mistyped\?.*mean 127\.0\.0\.1\?/)
      await desk.page.locator('input[name=whose-client]').fill('127.0.0.1')
      await desk.page.getByRole('button', { name: 'Whose records' }).click()
      await desk.page.locator('[data-whose="3"]').waitFor()
      expect(await unknown.count()).toBe(0)
    })

    test('in Hindi every page is Hindi: what is left in English was written by people or by the gateway', async () => {
      const desk = visitorAt(0)
      const languages = desk.page.locator('.settings select').first()
      await languages.selectOption('hi')
      const left: string[] = []
      for (const page of ['state', 'live', 'release', 'sessions', 'trail', 'fleet', 'incidents', 'key']) {
        await go(desk, 0, page)
        await desk.page.locator('main h1').waitFor()
        await desk.page.locator('main button, main table').first().waitFor()
        left.push(...(await desk.page.evaluate(englishIn)).map((words) => `${page}: ${words}`))
      }
      await languages.selectOption('en')
      expect(left).toEqual([])
    })

    test('a release waits for a second person, whose name is told; two browsers do not do', async () => {
      const [desk, other] = [visitorAt(0), visitorAt(1)]
      await go(desk, 0, 'release')
      await desk.page.getByRole('group', { name: 'Locks to release' }).getByRole('checkbox').first().check()
      await desk.page.locator('input[name=release-reason]').fill('partner endpoint closed')
      await desk.page.getByRole('radio', { name: 'In stages' }).check()
      const stages = desk.page.getByRole('group', { name: /^Stage \d$/ })
      await stages.getByRole('button', { name: 'Remove stage 2' }).click()
      await stages.nth(0).getByLabel('For').fill('12s')
      await stages.nth(1).getByLabel('For').fill('1s')
      await desk.page.getByRole('button', { name: 'Sign the proposal' }).click()
      await desk.page.getByText(/Waits for 1 more.*(lead, chief|chief, lead)/).waitFor()
      await go(other, 1, 'release')
      await other.page.getByRole('button', { name: 'Approve', exact: true }).click()
      await other.page.getByRole('button', { name: /Approve: it opens/ }).click()
      await other.page.getByText(/all signatures would come from browsers/).waitFor()
      expect(await served('/api/v2/facilities')).toEqual([503, 503, 503])
      await other.page.keyboard.press('Escape')
      const line = await other.page.locator('code', { hasText: 'portcullis approve' }).first().textContent()
      const id = line?.split(' ').at(-1) ?? ''
      await go(desk, 0, 'state')
      const control = `http://127.0.0.1:${gatewayAt(2).controlPort}`
      const approved = await runCommand(['approve', id, '--control', control, '--key', keyFileOf(home, chief)])
      expect([approved.code, approved.stderr]).toEqual([0, expect.anything()])
      await desk.page.getByText(/Thawing: stage 1 of 2/).waitFor()
      expect(await served('/api/v2/facilities')).toEqual([200, 200, 200])
      const writes = gateways.map(({ url }) => fetch(`${url}/api/v2/partner/9876543210`, { method: 'POST' }))
      expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([503, 503, 503])
      await desk.page.locator('.banner.open').waitFor()
      expect(await eventually(async () => (await served('/api/v2/facilities')).every((status) => status === 200))).toBe(
        true,
      )
    })

    test('the incident that the freeze made has its clock in the banner, and its report is drafted with evidence', async () => {
      const desk = visitorAt(0)
      expect(await desk.page.locator('.banner').textContent()).toMatch(/CERT-In report due\s*in 5\sh/)
      await go(desk, 0, 'incidents')
      await desk.page.getByRole('button', { name: 'CERT-In has the report' }).click()
      await desk.page.getByRole('button', { name: 'CERT-In has the report: sure? Press again' }).click()
      await desk.page.getByText(/reported at/).waitFor()
      // The line that the page shows is one that the command takes.
      await desk.page.getByText(/portcullis incident report INC-7 --dir AUDIT_DIR --out INC-7 --control http/).waitFor()
      const out = path.join(home, 'INC-7')
      const dir = path.join(gatewayAt(0).home, 'data/audit')
      const access = ['--control', `http://127.0.0.1:${gatewayAt(0).controlPort}`, '--key', keyFileOf(home, lead)]
      expect((await runCommand(['incident', 'report', 'INC-7', '--dir', dir, '--out', out, ...access])).code).toBe(0)
      const { facts } = JSON.parse(readFileSync(path.join(out, 'report.json'), 'utf8')) as {
        facts: { people: number; locks: number }
      }
      expect(facts).toMatchObject({ people: 3, locks: 1 })
      const key = readFileSync(path.join(out, 'vkey'), 'utf8').trim()
      const verifier = await import('node:child_process')
      const verified = verifier.spawnSync(process.execPath, [path.join(out, 'verify.mjs'), out, '--key', key], {
        encoding: 'utf8',
      })
      expect([verified.status, verified.stdout]).toEqual([
        0,
        expect.stringMatching(/certificate-\d+\.json: 3 of 3 gateways have shown that they refuse/),
      ])
      for (const visitor of visitors) expect(visitor.complaints).toEqual([])
    })

    test('a gateway that does not answer is named in the page', async () => {
      const desk = visitorAt(0)
      await gatewayAt(2).stop('SIGKILL')
      await go(desk, 0, 'trail')
      await desk.page.locator('select[name=whose-route]').selectOption('partner.lookup')
      await askWhoseUntil('[data-missing="1"]', '[data-trails="2"]')
      const missing = desk.page.locator('[data-missing="1"]')
      expect(await missing.textContent()).toMatch(
        /Not the whole fleet.*portcullis\/gateway-[0-9a-f]{12}: connect ECONNREFUSED/,
      )
    })
  },
)

/** Words in Latin letters on the page, but for texts that others wrote, what is typed, and names. Run in the page. */
function englishIn(): readonly string[] {
  const names = new Set(['Portcullis', 'IST', 'UTC', 'OTP', 'CIDR', 'CERT', 'In', 'INC', 'FREEZE', 'Redis', 'English'])
  const typed = new Set(
    'portcullis freeze config subject id night desk PIN f x p route status client decision method issuer sid sub'.split(
      ' ',
    ),
  )
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found: string[] = []
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const { parentElement: parent, textContent } = node
    if (
      parent === null ||
      parent.closest('bdi, code, pre, kbd, time, noscript, [lang=en], .settings, select[name=whose-route]')
    )
      continue
    const text = (textContent ?? '').replaceAll(/portcullis\/gateway-[0-9a-f]+|https?:\S+/g, '')
    for (const word of text.match(/[A-Za-z]+/g) ?? [])
      if (!names.has(word) && !typed.has(word)) found.push(`${word} in: ${text.trim().slice(0, 60)}`)
  }
  return found
}
