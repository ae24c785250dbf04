import { describe, expect, test } from '@jest/globals'
import Ajv from 'ajv'
import request from 'supertest'
import { OPENAPI } from '../../src/control/openapi.ts'
import { PROBLEMS } from '../../src/control/problem.ts'
import { people } from '../support/control-desk.ts'
import { AUTHORIZED, createServerRig } from '../support/control-server.ts'
import { LOCK_ALL } from '../support/control-signing.ts'

const calls = Object.entries(OPENAPI.paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => [method, path] as const),
)

test('the document is served as it stands, without a credential', async () => {
  const { app } = await createServerRig()
  const answer = await request(app).get('/openapi.json')
  expect(answer.headers['content-type']).toBe('application/json')
  expect(answer.body).toEqual(JSON.parse(JSON.stringify(OPENAPI)))
})

test.each(calls)('%s %s is served, with a credential exactly where the document says so', async (method, path) => {
  const { app } = await createServerRig()
  const asked = path
    .replace('{code}', 'internal')
    .replace('{epoch}', '1')
    .replace('{rest}', '0/000')
    .replace('{id}', 'x')
  const answer = await request(app)[method as 'get'](asked)
  const { security } = (OPENAPI.paths as Record<string, Record<string, { security?: unknown }>>)[path]?.[method] ?? {}
  if (security === undefined) expect(answer.status).toBe(401)
  else expect([200, 415]).toContain(answer.status)
})

test('every read may be one too many, and the end of a session never is', () => {
  const limited = Object.entries(OPENAPI.paths).filter(([, methods]) =>
    Object.values(methods).every(({ responses }) => 429 in responses),
  )
  const reads = Object.entries(OPENAPI.paths).filter(([, methods]) =>
    Object.values(methods).every(({ security }) => security === undefined),
  )
  expect(limited.map(([path]) => path)).toEqual(reads.map(([path]) => path).filter((path) => !path.endsWith('/logout')))
})

test('every reference leads somewhere', () => {
  const names = [...JSON.stringify(OPENAPI).matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name)
  expect(Object.keys(OPENAPI.components.schemas)).toEqual(expect.arrayContaining(names))
})

describe('what is answered has the shape that the document tells', () => {
  const ajv = new Ajv.default({ strict: false, validateFormats: false })
  ajv.addSchema({ $id: 'api', components: OPENAPI.components })
  const check = (name: string, body: unknown) => {
    const valid = ajv.validate({ $ref: `api#/components/schemas/${name}` }, body)
    expect([name, valid, ajv.errorsText()]).toEqual([name, true, 'No errors'])
  }

  test('for status, lock, order, certificate and problem', async () => {
    const { app, rig } = await createServerRig()
    const get = async (path: string) => (await request(app).get(path).set(AUTHORIZED)).body as unknown
    const order = rig.sign(people.desk, LOCK_ALL)
    const post = () => request(app).post('/api/v1/orders?wait=1s').send({ order })
    const accepted = (await post()).body as { id: string }
    check('Accepted', accepted)
    check('Problem', (await post()).body)
    await rig.order(people.lead, { kind: 'release', locks: [accepted.id], reason: 'x' })
    check('Status', await get('/api/v1/status'))
    check('Lock', await get(`/api/v1/locks/${accepted.id}`))
    check('Certificate', await get('/api/v1/certificates/1'))
  })
})

describe('the pages', () => {
  test('list every call and every problem, and hold neither script nor style nor anything from elsewhere', async () => {
    const { app } = await createServerRig()
    const { headers, text } = await request(app).get('/docs')
    expect(headers['content-type']).toBe('text/html; charset=utf-8')
    for (const [method, path] of calls) expect(text).toContain(`${method.toUpperCase()} ${path}`)
    expect(text).not.toMatch(/<script|<style|style=|on\w+=|https?:/)
  })

  test.each(Object.keys(PROBLEMS))('there is one for the problem %s', async (code) => {
    const { app } = await createServerRig()
    const answer = await request(app).get(`/docs/problems/${code}`)
    expect([answer.status, answer.text.includes(code)]).toEqual([200, true])
  })

  test('there is none for another', async () => {
    const { app } = await createServerRig()
    expect((await request(app).get('/docs/problems/constructor')).status).toBe(404)
  })
})
