// What a tired person does wrong in the page, and what is said then; before one real gateway.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Browser } from 'playwright-core'
import { isBrowserMissing, keyFileOf, signInWithNewKey, startBrowser, visit, type Visitor } from '../support/browser.ts'
import { runCommand, startGateway, startRawUpstream, type GatewayProcess } from '../support/gateway-process.ts'

const ROUTES = `
  - { id: partner.lookup, path: "/api/v2/partner/{mobile}", methods: [GET], upstream: registry, tags: [partner, pii], session: none }
`

;(isBrowserMissing() ? describe.skip : describe)('slips', () => {
  let browser: Browser
  let gateway: GatewayProcess
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let desk: Visitor

  beforeAll(async () => {
    browser = await startBrowser()
    upstream = await startRawUpstream()
    gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES })
    desk = await visit(browser, `http://127.0.0.1:${gateway.controlPort}/console/`, { width: 360, height: 740 })
  })
  afterAll(async () => {
    await browser?.close()
    await gateway?.cleanUp()
    await upstream?.close()
  })

  test('a wrong read token is refused in words, and the page to sign in stays', async () => {
    const { page } = desk
    await page.locator('input[name=token]').fill('wrong')
    await page.getByRole('button', { name: 'Look' }).click()
    await page.getByRole('alert').waitFor()
    expect(await page.locator('h1').textContent()).toBe('Sign in')
  })

  test('a name that cannot be says which can, and a key is forgotten at the second press alone', async () => {
    const { page } = desk
    const name = page.getByRole('textbox', { name: /Your name/ })
    await name.fill('Night Desk!')
    await page.getByRole('button', { name: 'Make the key' }).click()
    expect(await name.getAttribute('title')).toContain('Letters, digits')
    expect(await name.evaluate((input) => (input as HTMLInputElement).validity.patternMismatch)).toBe(true)
    await name.fill('nobody')
    await page.getByRole('button', { name: 'Make the key' }).click()
    await page.getByRole('button', { name: 'Sign in as nobody' }).click()
    await page.getByText('No gateway knows this key yet').waitFor()
    await page.getByRole('button', { name: 'Forget this key' }).click()
    await page.getByRole('button', { name: 'Sign in as nobody' }).waitFor()
    await page.getByRole('button', { name: /sure\? Press again/ }).click()
    await page.getByText('This browser has no key yet').waitFor()
    expect(await page.getByRole('alert').count()).toBe(0)
  })

  test('the first page tells of a scraper, no probe is made of it, and no name is broken into letters', async () => {
    const { page } = desk
    await signInWithNewKey(desk, 'night-desk', 'responder', gateway)
    for (let last = 10; last < 40; last++) await gateway.get(`/api/v2/partner/98765432${last}`)
    await page.locator('section[aria-labelledby=suspected] a').click()
    await page.locator('[data-anomaly]').first().waitFor()
    await page.locator('.banner .danger').click()
    await page.getByText('What this would have refused').waitFor()
    expect(await page.getByText('a health probe would fail').count()).toBe(0)
    await page.keyboard.press('Escape')
    await page.goto(`${page.url().split('#')[0]}#/fleet`)
    const cell = page.getByRole('cell', { name: 'responder', exact: true }).first()
    const lines = await cell.evaluate((each) => {
      const text = document.createRange()
      text.selectNodeContents(each)
      return text.getClientRects().length
    })
    expect(lines).toBe(1)
    // The row of pages goes on beyond the edge of a phone; the one that is open is in sight.
    const open = await page.locator('nav [aria-current]').boundingBox()
    expect((open?.x ?? -1) >= 0 && (open?.x ?? 0) + (open?.width ?? 0) <= 360).toBe(true)
  })

  test('an incident has a name for people, is one word for a shell, and is closed at the second press', async () => {
    const { page } = desk
    await page.goto(`${page.url().split('#')[0]}#/incidents`)
    await page.locator('input[name=incident-id]').fill('INC 7; $(id)')
    await page.locator('input[name=incident-title]').fill('records for sale')
    const noticed = await page.getByLabel('Noticed at (IST)').inputValue()
    await page.getByRole('button', { name: 'Open it' }).click()
    const card = page.getByRole('article', { name: 'INC 7' })
    await card.getByText(`Noticed at: ${noticed.replace('T', ' ')}:00 IST`).waitFor()
    await card.getByText("portcullis incident report 'INC 7; $(id)' --dir AUDIT_DIR --out INC_7_id_ ").waitFor()
    await card.getByRole('button', { name: 'Close the incident' }).click()
    expect(await card.locator('.badge').textContent()).toBe('open')
    await card.getByRole('button', { name: /sure\? Press again/ }).click()
    await card.getByText('closed').waitFor()
  })

  test('from a lock to the form that releases it, wherever on the page it stands', async () => {
    const { page } = desk
    const [person] = gateway.people
    if (person === undefined) throw new Error('nobody responds')
    const access = ['--control', `http://127.0.0.1:${gateway.controlPort}`, '--key', keyFileOf(gateway.home, person)]
    expect((await runCommand(['freeze', '--reason', 'leak', '--incident', 'INC-8', ...access])).code).toBe(0)
    expect((await runCommand(['release', '--all', '--reason', 'mended', ...access])).code).toBe(0)
    await page.goto(`${page.url().split('#')[0]}#/state`)
    await page.getByRole('button', { name: 'Propose release' }).click()
    await page.locator('form[aria-labelledby=new-proposal] input:focus').waitFor()
    expect(await page.locator('form[aria-labelledby=new-proposal] input:focus').isVisible()).toBe(true)
  })

  test('where nobody answers, that is said in the words of the page', async () => {
    const { page } = desk
    await gateway.stop()
    await page.getByText(/STALE: nothing heard/).waitFor()
    await page.locator('.banner .danger').click()
    await page.getByText('Not answered: The control plane does not answer.').waitFor()
    expect(desk.complaints).toEqual([])
  })
})
