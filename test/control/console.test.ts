// The page as the control plane serves it: under a strict policy, compressed, behind any path, and honest where it was not built.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import request from 'supertest'
import { readConsole } from '../../src/control/console-files.ts'
import { createServerRig } from '../support/control-server.ts'

const dir = mkdtempSync(join(tmpdir(), 'portcullis-console-'))
mkdirSync(join(dir, 'assets'))
writeFileSync(join(dir, 'index.html'), '<!doctype html><title>P</title>')
writeFileSync(join(dir, 'assets/main-1a2b.js'), `// ${'long '.repeat(400)}`)
writeFileSync(join(dir, 'assets/main-1a2b.js.map'), '{}')
afterAll(() => {
  rmSync(dir, { recursive: true })
})

test('leads to the page by a relative address, so that a path prefix holds', async () => {
  const { app } = await createServerRig({ console: readConsole(dir) })
  for (const path of ['/', '/console']) {
    const answer = await request(app).get(path)
    expect([path, answer.status, answer.headers.location]).toEqual([path, 302, 'console/'])
  }
})

test('serves the page without a credential and under a policy that lets nothing inline run', async () => {
  const { app } = await createServerRig({ console: readConsole(dir) })
  const answer = await request(app).get('/console/')
  expect(answer.text).toBe('<!doctype html><title>P</title>')
  const policy = answer.headers['content-security-policy'] ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self'")
  expect(policy).toContain("require-trusted-types-for 'script'")
  expect(policy).not.toMatch(/unsafe|\*|https?:/)
  expect(answer.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
  })
})

test.each([
  ['br', 'br'],
  ['gzip, deflate', 'gzip'],
  ['identity', undefined],
])('answers Accept-Encoding: %s with %s, and lets a hashed file be kept', async (accepts, encoding) => {
  const { app } = await createServerRig({ console: readConsole(dir) })
  const answer = await request(app).get('/console/assets/main-1a2b.js').set('Accept-Encoding', accepts)
  expect(answer.headers['content-encoding']).toBe(encoding)
  expect(answer.headers['cache-control']).toContain('immutable')
  if (encoding !== undefined) expect(Number(answer.headers['content-length'])).toBeLessThan(200)
})

test.each([
  '/console/../package.json',
  '/console/assets/%2e%2e/%2e%2e/x',
  '/console/assets/main-1a2b.js.map',
  '/console/x',
])('%s is no file of it', async (path) => {
  const { app } = await createServerRig({ console: readConsole(dir) })
  expect((await request(app).get(path)).status).toBe(404)
})

test('says what to do where it was not built', async () => {
  const { app } = await createServerRig({ console: readConsole(join(dir, 'nowhere')) })
  const answer = await request(app).get('/console/')
  expect([answer.status, (answer.body as { detail: string }).detail]).toEqual([
    404,
    expect.stringContaining('npm run console'),
  ])
})
