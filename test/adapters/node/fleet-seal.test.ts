// Envelopes of a fleet: whose they are, what they are of, and that one changed bit makes them nobody's.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createFleetSeal } from '../../../src/adapters/node/fleet-seal.ts'
import { loadFleetSecrets, openFleetSecrets, readSecretFile } from '../../../src/adapters/node/fleet-secret.ts'
import { createFakeLogger } from '../../support/control-ports.ts'
import { makeSigner } from '../../support/fleet-rig.ts'

const [OLD, NEW] = ['the secret of last year, long enough', 'the secret of this year, long enough']
const seal = (secrets: readonly string[] = [OLD], fleet = 'f', signer = makeSigner()) =>
  createFleetSeal({ fleet, secrets: () => secrets, signer })

test('a voucher of a secret that is to be replaced is told from one of the first', () => {
  const before = seal([OLD])
  const reader = seal([NEW, OLD])
  const [old, late] = [before.seal('member', '{}'), seal([NEW, OLD]).seal('member', '{}')]
  expect([reader.isByFirst(old), reader.isByFirst(late), before.isByFirst(old)]).toEqual([false, true, true])
  expect([reader.isByFirst(''), reader.isByFirst(`${late.split('.')[0]}.AAAA`)]).toEqual([false, false])
})

describe('an envelope', () => {
  test('is opened by whoever has the secret, and says which gateway signed it', () => {
    const [a, b] = [seal(), seal()]
    expect(b.open('receipt', a.seal('receipt', '{"n":1}'))).toMatchObject({ gateway: a.gateway, payload: { n: 1 } })
    expect(a.gateway).toMatch(/^portcullis\/gateway-[0-9a-f]{12}$/)
  })

  test('is nothing under another secret, of another fleet, or as another type', () => {
    const a = seal()
    const envelope = a.seal('receipt', '{}')
    expect(seal([NEW]).open('receipt', envelope)).toBeUndefined()
    expect(seal([OLD], 'g').open('receipt', envelope)).toBeUndefined()
    expect(a.open('heartbeat', envelope)).toBeUndefined()
  })

  test('the voucher of one key does not vouch for another', () => {
    const [a, thief] = [seal(), seal(['no secret of this fleet, but as long'])]
    const [, voucher] = a.seal('receipt', '{}').split('.')
    const [key, , payload, signature] = thief.seal('receipt', '{}').split('.')
    expect(a.open('receipt', [key, voucher, payload, signature].join('.'))).toBeUndefined()
  })

  test('secrets are replaced without a gap: believe both, then vouch by the new one, then drop the old one', () => {
    const signer = makeSigner()
    const steps = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]] as const
    for (const [index, before] of steps.slice(0, -1).entries()) {
      const after = steps[index + 1] ?? []
      const [one, two] = [seal(before, 'f', signer), seal(after)]
      expect(two.open('member', one.seal('member', '{}'))).toBeDefined()
      expect(one.open('member', two.seal('member', '{}'))).toBeDefined()
    }
    expect(seal([NEW]).open('member', seal([OLD], 'f', signer).seal('member', '{}'))).toBeUndefined()
  })

  test('what was signed under a secret that is gone is opened once its key was vouched for anew; what is only said is not', () => {
    const signer = makeSigner()
    const [before, after] = [seal([OLD], 'f', signer), seal([NEW], 'f', signer)]
    const reader = seal([NEW])
    const [receipt, heartbeat] = [before.seal('receipt', '{"n":1}'), before.seal('heartbeat', '{"n":1}')]
    expect(reader.open('receipt', receipt)).toBeUndefined()
    expect(reader.open('member', after.seal('member', '{}'))).toBeDefined()
    expect(reader.open('receipt', receipt)).toMatchObject({ gateway: after.gateway, payload: { n: 1 } })
    expect(reader.open('heartbeat', heartbeat)).toBeUndefined()
  })

  test('no letter of it can be changed, added or left out', () => {
    const a = seal()
    const envelope = a.seal('heartbeat', '{"gateway":"x","at":1}')
    fc.assert(
      fc.property(
        fc.nat(envelope.length - 1),
        fc.constantFrom(...'AZaz09_-.='),
        fc.boolean(),
        (at, letter, isAdded) => {
          const changed = envelope.slice(0, at) + letter + envelope.slice(at + (isAdded ? 0 : 1))
          if (changed !== envelope) expect(a.open('heartbeat', changed)).toBeUndefined()
        },
      ),
      { numRuns: 500 },
    )
    for (const text of ['', '...', 'a.b.c.d', `${envelope}.`, ` ${envelope}`, envelope.slice(0, -1)])
      expect(a.open('heartbeat', text)).toBeUndefined()
  })

  test('a payload that is no JSON is nothing, though it was signed', () => {
    const a = seal()
    expect(a.open('proof', a.seal('proof', '{'))).toBeUndefined()
  })
})

describe('the file of the secret', () => {
  const home = mkdtempSync(join(tmpdir(), 'portcullis-secret-'))
  const file = join(home, 'fleet.secret')
  afterAll(() => {
    rmSync(home, { recursive: true, force: true })
  })
  const write = (text: string, mode = 0o600): void => {
    writeFileSync(file, text)
    chmodSync(file, mode)
  }

  test('holds one secret a line', () => {
    write(`${NEW}\n\n  ${OLD}  \n`)
    expect(loadFleetSecrets(file)).toEqual([NEW, OLD])
  })

  test.each([0o640, 0o604, 0o644, 0o660])('is refused where others can read it (mode %o)', (mode) => {
    write(`${NEW}\n`, mode)
    expect(() => loadFleetSecrets(file)).toThrow(/chmod 600/)
    expect(() => readSecretFile('store.redis.passwordFile', file)).toThrow(/store.redis.passwordFile .*chmod 600/)
  })

  test.each(['', '\n', 'short\n', `${NEW}\nshort\n`])('is refused where a secret can be guessed: %j', (text) => {
    write(text)
    expect(() => loadFleetSecrets(file)).toThrow(/at least 32 characters/)
  })

  test('is read anew: another list counts at once, for every envelope; a bad one takes nothing away, and says so', () => {
    write(`${OLD}\n`)
    const logger = createFakeLogger()
    const secrets = openFleetSecrets(file, logger)
    const live = createFleetSeal({ fleet: 'f', secrets: () => secrets.current(), signer: makeSigner() })
    const next = seal([NEW])
    const news = next.seal('heartbeat', '{}')
    expect([secrets.look(), live.open('heartbeat', news)]).toEqual([false, undefined])
    write(`${OLD}\n${NEW}\n`)
    expect([secrets.look(), live.open('heartbeat', news) !== undefined]).toEqual([true, true])
    expect(seal([OLD]).open('heartbeat', live.seal('heartbeat', '{}'))).toBeDefined()
    write(`${NEW}\n`)
    expect(secrets.look()).toBe(true)
    expect(next.open('heartbeat', live.seal('heartbeat', '{}'))).toBeDefined()
    expect(live.open('heartbeat', seal([OLD]).seal('heartbeat', '{}'))).toBeUndefined()
    write('short\n')
    expect([secrets.look(), secrets.look(), secrets.current()]).toEqual([false, false, [NEW]])
    expect(secrets.problem).toMatch(/at least 32 characters/)
    expect(logger.lines.filter((line) => line.startsWith('error'))).toHaveLength(1)
    write(`${NEW}\n`)
    expect([secrets.look(), secrets.problem]).toEqual([false, undefined])
  })

  test('that is not there is made by a line that the message gives', () => {
    expect(() => loadFleetSecrets(join(home, 'none'))).toThrow(/cannot be read: make one with \(umask 077/)
  })
})
