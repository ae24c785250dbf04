// The demo's second lesson, as the README tells it: the hole closed, a code asked for, one's own record read, another's refused.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createPopulation } from '../../demo/population.ts'
import { openSmsWebhook } from '../../demo/sms-webhook.ts'
import { freePort } from '../support/free-port.ts'
import { eventually } from '../support/gateway-process.ts'
import { json, post } from './support.ts'

const root = path.resolve(import.meta.dirname, '../..')
const [mine = '', other = ''] = [...createPopulation(1).households.keys()]
let home: string
let demo: ChildProcess
let gateway: string
let shown = ''

beforeAll(async () => {
  home = mkdtempSync(path.join(os.tmpdir(), 'demo-'))
  const [port, controlPort] = [await freePort(), await freePort()]
  gateway = `http://127.0.0.1:${String(port)}`
  const args = ['--gateway-port', String(port), '--control-port', String(controlPort), '--dir', home, '--quiet']
  demo = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'demo/start.ts', ...args], { cwd: root })
  demo.stdout?.on('data', (piece: Buffer) => (shown += piece.toString()))
  demo.stderr?.on('data', (piece: Buffer) => (shown += piece.toString()))
  expect(await eventually(async () => shown.includes('Ctrl-C stops all of it'), 60_000)).toBe(true)
})

afterAll(async () => {
  if (demo.exitCode === null) {
    demo.kill('SIGTERM')
    await once(demo, 'exit')
  }
  rmSync(home, { recursive: true, force: true })
})

const lookUp = (mobile: string, token?: string): Promise<Response> =>
  fetch(`${gateway}/api/v2/partner/lookup/${mobile}`, {
    headers: { 'x-partner-key': 'any', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  })

const mend = () =>
  spawnSync('npm', ['run', '--silent', 'demo:mend', '--', '--dir', home], { cwd: root, encoding: 'utf8' })

test('before: a bare number has the record', async () => {
  expect((await lookUp(mine)).status).toBe(200)
})

test('mended: nothing without an OTP, which gives the record of its own number and of no other', async () => {
  expect(mend()).toMatchObject({ status: 0, stdout: expect.stringContaining('number: param.mobile') })
  expect(await eventually(async () => (await lookUp(mine)).status === 401, 20_000)).toBe(true)

  const { transaction } = await json(post(`${gateway}/.portcullis/otp/request`, { number: mine }))
  const code = (): string => new RegExp(`SMS to x+${mine.slice(-4)}: Your code is (\\d{6})`).exec(shown)?.[1] ?? ''
  expect(await eventually(async () => code() !== '', 20_000)).toBe(true)
  const { access_token: token } = await json(post(`${gateway}/.portcullis/otp/verify`, { transaction, code: code() }))

  const own = await lookUp(mine, String(token))
  expect([own.status, await json(own)]).toEqual([200, expect.objectContaining({ mobile: mine })])
  expect((await lookUp(other, String(token))).status).toBe(403)
})

test('mended twice is mended once', () => {
  expect(mend()).toMatchObject({ status: 0, stdout: expect.stringContaining('mended already') })
})

test('a stranger to the gateway cannot make the phone ring', async () => {
  const printed: string[] = []
  const phone = await openSmsWebhook('the secret of this test, long enough', (line) => printed.push(line))
  const forged = await fetch(phone.url, {
    method: 'POST',
    headers: { 'webhook-id': 'x', 'webhook-timestamp': '1', 'webhook-signature': 'v1,x' },
    body: JSON.stringify({ number: '+915550000003', code: '123456' }),
  })
  await phone.close()
  expect([forged.status, printed]).toEqual([401, []])
})
