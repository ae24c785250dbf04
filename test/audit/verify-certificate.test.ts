// A certificate is believed for what its workers have signed, and for nothing that its gateway only claims.
import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { signShown } from '../../src/app/sign-shown.ts'
import { verifyCertificate, type CertificateVerdict } from '../../src/audit/verify-certificate.ts'
import { createWorkerKey, gatewayNameOf, vouch } from '../../src/audit/worker-proof.ts'
import { canonicalJson } from '../../src/core/canonical-json.ts'
import { NO_RESIDUAL } from '../../src/core/residual.ts'
import { createPerson, encode, idOf, LOCK_ALL, signOrder } from '../support/control-signing.ts'

function makeGateway() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const publicKeyRaw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const signer = { publicKeyRaw, sign: (bytes: Uint8Array) => sign(null, bytes, privateKey) }
  const name = gatewayNameOf(publicKeyRaw)
  const workers = ['w1', 'w2']
  const keys = new Map(workers.map((worker) => [worker, createWorkerKey()]))
  const text = (
    worker: string,
    more: { refused?: boolean; orders?: string[]; epoch?: number; gateway?: string } = {},
  ) => {
    const key = keys.get(worker) ?? createWorkerKey()
    const canary = {
      route: 'record.read',
      status: more.refused === false ? 200 : 503,
      refused: more.refused ?? true,
      stands: 2,
    }
    const residual = { ...NO_RESIDUAL, inFlight: 1, cut: 1 }
    const signed = signShown(
      key,
      { gateway: more.gateway ?? name, worker, workers, at: 1_800_000_000_000, residual },
      { epoch: more.epoch ?? 7, hash: 'h' },
      { orders: more.orders ?? ['order-1'], routes: [{ route: 'record.read', stands: 2 }] },
      [canary],
    )
    return `${vouch(signer, worker, key.key)}.${signed}`
  }
  const certify = (more: Record<string, unknown> = {}): Record<string, unknown> => {
    const words = {
      ...{ epoch: 7, gateway: name, key: publicKeyRaw.toString('base64url'), time: '2027-01-15T08:00:00.000Z' },
      ...{ proofs: [], residual: NO_RESIDUAL, workers: workers.map((worker) => text(worker)), ...more },
    }
    return { ...words, signature: Buffer.from(signer.sign(Buffer.from(canonicalJson(words)))).toString('base64url') }
  }
  return { name, key: publicKeyRaw.toString('base64url'), text, certify }
}
const one = makeGateway()
const two = makeGateway()
const PINS = [one.key, two.key]
const check = (value: unknown, pins: readonly string[] = PINS): CertificateVerdict => {
  const verdict = verifyCertificate(JSON.parse(JSON.stringify(value)), pins)
  if ('problem' in verdict) throw new Error(verdict.problem)
  return verdict
}
const fleet = (more: Record<string, unknown> = {}) => ({
  fleet: {
    ...{ orders: ['order-1'], proven: [one.name, two.name], missing: [], residual: NO_RESIDUAL },
    proofs: [one.text('w1'), one.text('w2'), two.text('w1'), two.text('w2')],
    ...more,
  },
})

describe('a certificate', () => {
  test('of one gateway holds by its pinned key, and in part without', () => {
    expect(check(one.certify(), [one.key])).toMatchObject({
      ...{ ok: true, isComplete: true, orders: ['order-1'], missing: [], warnings: [] },
      residual: { inFlight: 2, cut: 2 },
    })
    const unpinned = check(one.certify(), [])
    expect([unpinned.ok, unpinned.isComplete, unpinned.warnings]).toEqual([
      true,
      false,
      [expect.stringMatching(/is not pinned/)],
    ])
  })

  test('of a fleet holds where each worker of each gateway has signed', () => {
    expect(check(one.certify(fleet()))).toMatchObject({ ok: true, isComplete: true })
    expect(check(one.certify(fleet()), [...PINS, makeGateway().key]).warnings.join()).toMatch(/has proven nothing here/)
  })

  test.each([
    ['a changed time', (words: Record<string, unknown>) => ({ ...words, time: '2020-01-01T00:00:00.000Z' })],
    ['a changed epoch', (words: Record<string, unknown>) => ({ ...words, epoch: 8 })],
    ['another signature', (words: Record<string, unknown>) => ({ ...words, signature: two.certify().signature })],
    ['the key of another', (words: Record<string, unknown>) => ({ ...words, key: two.key })],
    ['the name of another', (words: Record<string, unknown>) => ({ ...words, gateway: two.name })],
    ['a field more', (words: Record<string, unknown>) => ({ ...words, note: 'all is well' })],
  ])('with %s does not hold', (_name, change) => {
    expect(check(change(one.certify())).ok).toBe(false)
  })

  test.each([
    ['a worker of its own missing', { workers: [one.text('w1')] }],
    ['a canary that was let through', { workers: [one.text('w1'), one.text('w2', { refused: false })] }],
    ['proofs of an earlier epoch', { workers: [one.text('w1'), one.text('w2', { epoch: 6 })] }],
  ])('with %s holds in part: the gateway is missing', (_name, more) => {
    expect(check(one.certify(more))).toMatchObject({ ok: true, isComplete: false, missing: [one.name] })
  })

  test.each([
    ['texts of another gateway as its own', { workers: [one.text('w1'), two.text('w2')] }],
    ['a text in the name of another gateway', { workers: [one.text('w1'), one.text('w2', { gateway: two.name })] }],
    ['a damaged text', { workers: [one.text('w1'), `${one.text('w2').slice(0, -4)}AAAA`] }],
    ['a claim that it holds no proof of', fleet({ proofs: [one.text('w1'), one.text('w2'), two.text('w1')] })],
    [
      'proofs of another order',
      fleet({ proofs: ['w1', 'w2'].flatMap((w) => [one.text(w), two.text(w, { orders: ['other'] })]) }),
    ],
  ])('with %s does not hold', (_name, more) => {
    expect(check(one.certify(more)).ok).toBe(false)
  })

  test('that names who is missing holds in part', () => {
    const certificate = one.certify(
      fleet({
        proven: [one.name],
        missing: [{ name: two.name, state: 'missing' }],
        proofs: [one.text('w1'), one.text('w2')],
      }),
    )
    expect(check(certificate)).toMatchObject({ ok: true, isComplete: false, missing: [two.name] })
  })

  test.each([[null], [{}], ['text'], [{ ...one.certify(), workers: 'none' }], [{ ...one.certify(), fleet: {} }]])(
    'that is %j is none',
    (value) => {
      expect(verifyCertificate(value, [])).toHaveProperty('problem')
    },
  )
})

describe('the orders in a certificate', () => {
  const desk = createPerson('night-desk', 'responder')
  const other = createPerson('night-desk', 'responder')
  const order = signOrder(desk, LOCK_ALL, 1_800_000_000_000)
  const known = [{ kid: desk.name, key: desk.key }]
  const certified = (text: string, id = idOf(text)) =>
    one.certify({ workers: ['w1', 'w2'].map((worker) => one.text(worker, { orders: [id] })), orders: [text] })
  const judged = (value: unknown, responders = known): CertificateVerdict => {
    const verdict = verifyCertificate(JSON.parse(JSON.stringify(value)), PINS, responders)
    if ('problem' in verdict) throw new Error(verdict.problem)
    return verdict
  }

  test('are shown with who ordered what, by the key that is given for them', () => {
    const found = judged(certified(order))
    expect([found.ok, found.isComplete]).toEqual([true, true])
    expect(found.ordered).toEqual([
      { id: idOf(order), kid: 'night-desk', signature: 'signed', order: LOCK_ALL, iat: 1_800_000_000 },
    ])
  })

  test('are not theirs where another key signed them', () => {
    const found = judged(certified(signOrder(other, LOCK_ALL, 1_800_000_000_000)))
    expect([found.ok, found.problems.join()]).toEqual([false, expect.stringMatching(/not signed by the key given/)])
  })

  test.each([
    ['a changed scope', (text: string) => text.replace(/\.[^.]+\./, `.${encode({ order: { kind: 'lock' } })}.`)],
    ['another order', () => signOrder(desk, { ...LOCK_ALL, reason: 'another' }, 1_800_000_000_000)],
  ])('with %s were proven by nobody', (_name, change) => {
    const found = judged(certified(change(order), idOf(order)))
    expect([found.ok, found.problems.join()]).toEqual([false, expect.stringMatching(/which nobody has proven/)])
  })

  test('are no texts at all, or none of a person whose key was given', () => {
    expect(judged(certified('no.order', idOf(order))).ok).toBe(false)
    const found = judged(certified(order), [{ kid: 'lead', key: other.key }])
    expect([found.ok, found.ordered[0]?.signature, found.warnings.join()]).toEqual([
      true,
      'unknown',
      expect.stringMatching(/night-desk, of whom no key was given/),
    ])
  })

  test('by a passkey are left to a gateway, and said to be', () => {
    const [, payload = '', signature = ''] = order.split('.')
    const text = `${encode({ alg: 'ES256', typ: 'portcullis-order+webauthn', kid: 'night-desk' })}.${payload}.${signature}`
    const found = judged(certified(text))
    expect([found.ok, found.ordered[0]?.signature]).toEqual([true, 'passkey'])
    expect(found.warnings.join()).toMatch(/which only a gateway checks/)
  })
})
