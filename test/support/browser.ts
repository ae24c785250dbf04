// The distribution's Chromium, by playwright-core: a browser for a test file, a context of its own for each person.
import { existsSync } from 'node:fs'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { buildConsole } from '../../scripts/console.mjs'
import { runCommand, type GatewayProcess, type Person } from './gateway-process.ts'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

const CHROMIUM = '/usr/bin/chromium'

export function isBrowserMissing(): boolean {
  if (existsSync(CHROMIUM)) return false
  console.warn('SKIPPED: tests in a browser; /usr/bin/chromium is absent (Debian package chromium)')
  return true
}

export async function startBrowser(): Promise<Browser> {
  buildConsole()
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

export interface Visitor {
  readonly context: BrowserContext
  readonly page: Page
  /** What the page complained of: errors, and what its policy stopped. */
  readonly complaints: string[]
}

export async function visit(browser: Browser, url: string, viewport = { width: 1440, height: 900 }): Promise<Visitor> {
  const context = await browser.newContext({ viewport, colorScheme: 'dark', locale: 'en-IN' })
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // A refusal of the API is told by the browser too; the page tells it in its own words.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text())
  })
  await page.goto(url)
  return { context, page, complaints }
}

export interface Enrolled {
  readonly name: string
  readonly keyId: string
}

/** Makes a key in the page as a person would, has two commanders enrol it by the command line, and signs in with it. */
export async function signInWithNewKey(
  { page }: Visitor,
  name: string,
  role: string,
  gateway: Pick<GatewayProcess, 'home' | 'controlPort' | 'people'>,
): Promise<Enrolled> {
  await page.getByRole('textbox', { name: /Your name/ }).fill(name)
  await page.getByRole('button', { name: 'Make the key' }).click()
  const keyId = await enrolShown(page, name, role, gateway)
  await page.getByRole('button', { name: `Sign in as ${name}` }).click()
  await page.locator('.banner:not(.unknown) .state').waitFor()
  return { name, keyId }
}

/** Has two commanders enrol the key whose line the page shows. */
export async function enrolShown(
  page: Page,
  name: string,
  role: string,
  gateway: Pick<GatewayProcess, 'home' | 'controlPort' | 'people'>,
): Promise<string> {
  const line = (await page.locator('pre[data-public-key]').textContent()) ?? ''
  const [, keyId = ''] = /--key-id (\S+)/.exec(line) ?? []
  const [, publicKey = ''] = /--public-key (\S+)/.exec(line) ?? []
  const [lead, chief] = gateway.people.filter((person) => person.role === 'commander')
  if (lead === undefined || chief === undefined) throw new Error('it takes two commanders')
  const control = `http://127.0.0.1:${gateway.controlPort}`
  const enrol = ['enrol', name, '--key-id', keyId, '--public-key', publicKey, '--role', role, '--reason', 'console']
  const proposed = await runCommand([...enrol, '--json', '--control', control, '--key', keyFileOf(gateway.home, lead)])
  const { id } = JSON.parse(proposed.stdout) as { readonly id: string }
  const approved = await runCommand(['approve', id, '--control', control, '--key', keyFileOf(gateway.home, chief)])
  if (approved.code !== 0) throw new Error(`${proposed.stderr}${approved.stdout}${approved.stderr}`)
  return keyId
}

/** The person's private key as the command line takes it. */
export function keyFileOf(home: string, { name, privateKey }: Person): string {
  const file = path.join(home, `${name}.key`)
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  return file
}
