// A passkey signs in the page: enrolled by order, used for a login and a freeze, and taken to another browser. Chromium's own authenticator.
import { afterAll, beforeAll, expect, describe, test } from '@jest/globals'
import type { Browser, CDPSession } from 'playwright-core'
import { enrolShown, isBrowserMissing, startBrowser, visit, type Visitor } from '../support/browser.ts'
import { eventually, startGateway, startRawUpstream, type GatewayProcess } from '../support/gateway-process.ts'

const ROUTES = `
  - { id: facilities, path: /api/v2/facilities, methods: [GET], upstream: registry, session: none }
`

interface Authenticator {
  readonly cdp: CDPSession
  readonly authenticatorId: string
}

/** What is built into a laptop, with a finger that is always there. */
async function giveAuthenticator({ context, page }: Visitor): Promise<Authenticator> {
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return { cdp, authenticatorId }
}

;(isBrowserMissing() ? describe.skip : describe)('a passkey', () => {
  let browser: Browser
  let gateway: GatewayProcess
  let upstream: Awaited<ReturnType<typeof startRawUpstream>>
  let desk: Visitor
  let own: Authenticator
  const url = (): string => `http://localhost:${gateway.controlPort}/`

  beforeAll(async () => {
    browser = await startBrowser()
    upstream = await startRawUpstream()
    gateway = await startGateway({ upstreamPort: upstream.port, routes: ROUTES })
    desk = await visit(browser, url())
    own = await giveAuthenticator(desk)
  })

  afterAll(async () => {
    await browser?.close()
    await gateway?.cleanUp()
    await upstream?.close()
  })

  test('is made in the page, enrolled by two commanders, and opens a session', async () => {
    const { page } = desk
    await page.locator('input[name=passkey-name]').fill('night-desk')
    await page.getByRole('button', { name: 'Make a passkey' }).click()
    const line = (await page.locator('pre[data-public-key]').textContent()) ?? ''
    expect(line).toMatch(/--key-id passkey-\w+ --public-key passkey:ES256:localhost:B\S{86} /)
    // Nobody knows it yet.
    await page.getByRole('button', { name: 'Sign in as night-desk' }).click()
    await page.getByText(/No gateway knows this key yet/).waitFor()
    await enrolShown(page, 'night-desk', 'responder', gateway)
    await page.getByRole('button', { name: 'Sign in as night-desk' }).click()
    await page.locator('.banner .state').waitFor()
    await page.goto(`${url()}console/#/fleet`)
    await page.getByRole('row', { name: /night-desk#passkey-\w+ responder a passkey/ }).waitFor()
  })

  test('signs no order where its owner is not verified', async () => {
    const { page } = desk
    await own.cdp.send('WebAuthn.setUserVerified', { authenticatorId: own.authenticatorId, isUserVerified: false })
    await page.keyboard.press('f')
    await page.locator('input[name=reason]').fill('records for sale')
    await page.keyboard.press('Control+Enter')
    await page.locator('dialog [role=alert]').waitFor()
    expect((await gateway.get('/api/v2/facilities')).status).toBe(200)
    await own.cdp.send('WebAuthn.setUserVerified', { authenticatorId: own.authenticatorId, isUserVerified: true })
  })

  test('freezes at a touch, and the gateway verifies the order again when it starts', async () => {
    const { page } = desk
    await page.keyboard.press('Control+Enter')
    await page.locator('dialog [data-proof=whole]').waitFor()
    expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
    await gateway.stop('SIGKILL')
    await gateway.start()
    expect((await gateway.get('/api/v2/facilities')).status).toBe(503)
  })

  test('is found in another browser by what it holds itself', async () => {
    const other = await visit(browser, url())
    const there = await giveAuthenticator(other)
    // The same security key, put into another machine.
    const { credentials } = await own.cdp.send('WebAuthn.getCredentials', { authenticatorId: own.authenticatorId })
    for (const credential of credentials)
      await there.cdp.send('WebAuthn.addCredential', { authenticatorId: there.authenticatorId, credential })
    await other.page.getByRole('button', { name: 'I have one already' }).click()
    await other.page.getByRole('button', { name: 'Sign in as night-desk' }).click()
    await other.page.locator('.banner.frozen').waitFor()
    expect([...desk.complaints, ...other.complaints]).toEqual([])
    await other.context.close()
  })

  test('is offered by name alone: a page that was opened by an address says where to go', async () => {
    const visitor = await visit(browser, `http://127.0.0.1:${gateway.controlPort}/`)
    await visitor.page.getByText(`open http://localhost:${gateway.controlPort}/console/`).waitFor()
    expect(await eventually(async () => (await visitor.page.locator('input[name=passkey-name]').count()) === 0)).toBe(
      true,
    )
    await visitor.context.close()
  })
})
