// A key that lives in a browser locks alone like any other; what opens takes one signature that no page could have made.
import { expect, test } from '@jest/globals'
import { isBrowserKey } from '../../src/core/responder.ts'
import { aDesk, aLockOrder, anApproval, aRelease, CHIEF, GUARD, LEAD } from './desk.ts'
import { aResponder } from './fixtures.ts'

const LEAD_WEB = { ...aResponder('lead', 'commander'), key: `${'b'.repeat(42)}A`, keyId: 'browser-1' }
const CHIEF_WEB = { ...aResponder('chief', 'commander'), key: `${'c'.repeat(42)}A`, keyId: 'browser-2' }

function aDeskWithBrowsers() {
  const desk = aDesk()
  desk.guard = { ...GUARD, responders: [...GUARD.responders, LEAD_WEB, CHIEF_WEB] }
  expect(desk.give('lock-1', aLockOrder(), LEAD_WEB)).toBeUndefined()
  return desk
}

test('a release with both signatures out of browsers is refused, and says where to sign; the command line still can', () => {
  const desk = aDeskWithBrowsers()
  expect(desk.give('release-1', aRelease(['lock-1']), LEAD_WEB)).toBeUndefined()
  const refusal = desk.give('a', anApproval('release-1'), CHIEF_WEB)
  expect(refusal).toMatchObject({ refused: 'role' })
  expect(refusal?.problems.join()).toContain('portcullis approve release-1')
  expect([...desk.ledger.held.keys()]).toEqual(['lock-1'])
  expect(desk.give('b', anApproval('release-1'), CHIEF)).toBeUndefined()
  expect([...desk.ledger.held.keys()]).toEqual([])
})

test('one of the two may come from a browser, in either order', () => {
  const desk = aDeskWithBrowsers()
  expect(desk.give('release-1', aRelease(['lock-1']), LEAD)).toBeUndefined()
  expect(desk.give('a', anApproval('release-1'), CHIEF_WEB)).toBeUndefined()
  expect(desk.ledger.proposals.get('release-1')?.done).toBe(true)
})

test('an approval that a gateway let through all the same opens nothing: the set itself is weighed', () => {
  const desk = aDeskWithBrowsers()
  desk.give('release-1', aRelease(['lock-1']), LEAD_WEB)
  const statement = { iss: 'chief', iat: desk.now / 1000, jti: 'a', order: anApproval('release-1') }
  desk.apply({
    type: 'order',
    id: 'a',
    jws: 'a',
    statement,
    by: CHIEF_WEB,
    at: desk.now,
    channel: 'peer',
    guard: desk.guard,
  })
  expect(desk.ledger.proposals.get('release-1')?.done).toBe(false)
})

test('the last key that lives in a file is not retired: nothing could be opened any more', () => {
  const desk = aDesk()
  const [lead, chief] = [LEAD_WEB, { ...CHIEF_WEB, keyId: '2027', key: `passkey:EdDSA:gw.example:${'c'.repeat(42)}A` }]
  desk.guard = { ...GUARD, responders: [lead, chief, CHIEF] }
  const retire = { kind: 'retire', name: 'chief', key: CHIEF.key, reason: 'lost' } as const
  expect(desk.give('retire-1', retire, lead)?.problems.join()).toContain('only keys of browsers and passkeys')
  desk.guard = { ...GUARD, responders: [lead, chief, CHIEF, LEAD] }
  expect(desk.give('retire-2', retire, lead)).toBeUndefined()
})

test('a passkey is one by its key, whatever its id says', () => {
  expect(isBrowserKey({ key: `passkey:EdDSA:gw.example:${'c'.repeat(42)}A`, keyId: '2027' })).toBe(true)
})

test.each([
  ['browser', true],
  ['browser-night', true],
  ['BROWSER-1', true],
  ['browsers', false],
  ['2027', false],
  [undefined, false],
])('the key id %s is one of a browser: %s', (keyId, is) => {
  expect(isBrowserKey({ key: LEAD.key, ...(keyId === undefined ? {} : { keyId }) })).toBe(is)
})
