// Whether an enrolment or a retirement may be proposed or approved: one name and one key a person, and never too few to release.
import { didYouMean } from './did-you-mean.ts'
import { decodeBase64url } from './base64url.ts'
import { checkEd25519Key } from './ed25519-key.ts'
import type { Guard } from './ledger-entry.ts'
import type { Ledger } from './ledger.ts'
import { modeAt } from './lock.ts'
import { refuse, type OrderRefusal } from './order-refusal.ts'
import type { EnrolOrder, RetireOrder } from './order.ts'
import { checkPasskey, keyMaterial, parsePasskey } from './passkey.ts'
import { isBrowserKey, keyNameOf, mayOrder, type Responder } from './responder.ts'
import type { Instant } from './time.ts'

/** `guard` holds everybody who is enrolled now, the retired among them. */
export function judgeEnrolment(order: EnrolOrder, guard: Guard, now: Instant): OrderRefusal | undefined {
  const passkey = parsePasskey(order.key)
  const wrong = passkey === undefined ? checkEd25519Key(decodeBase64url(order.key)) : checkPasskey(passkey)
  if (wrong !== undefined) return refuse('bad', `order.key ${wrong}`)
  const holder = guard.responders.find(({ key }) => keyMaterial(key) === keyMaterial(order.key))
  if (holder !== undefined) {
    const retired = isRetired(holder, now) ? ', and it has been retired: make a new one' : ''
    return refuse('conflict', `order.key is the key of ${keyNameOf(holder)}${retired}`)
  }
  const namesakes = guard.responders.filter(({ name }) => name.toLowerCase() === order.name.toLowerCase())
  const other = namesakes.find(({ name }) => name !== order.name)
  if (other !== undefined) return refuse('bad', `order.name differs from ${other.name} in case alone: take another`)
  const taken = namesakes.find((each) => keyNameOf(each) === keyNameOf(order))
  if (taken !== undefined)
    return refuse('conflict', `there is a ${keyNameOf(taken)} already: tell the new key from it by another keyId`)
  const active = namesakes.find((each) => !isRetired(each, now))
  if (active !== undefined && active.role !== order.role)
    return refuse('bad', `${order.name} is a ${active.role}: another key does not change the role`)
  return undefined
}

export function judgeRetirement(
  ledger: Ledger,
  order: RetireOrder,
  guard: Guard,
  now: Instant,
): OrderRefusal | undefined {
  const named = guard.responders.filter(({ name }) => name === order.name)
  if (named.length === 0) {
    const names = guard.responders.map(({ name }) => name)
    return refuse('bad', `there is no responder ${order.name}${didYouMean(order.name, names)}`)
  }
  const meant = named.filter(({ key }) => order.key === undefined || key === order.key)
  if (meant.length === 0) return refuse('bad', `order.key is no key of ${order.name}`)
  const leaving = meant.filter((each) => !isRetired(each, now))
  if (leaving.length === 0) return refuse('conflict', `${order.name} has been retired before`)
  return judgeRemainder(ledger, leaving, guard, now)
}

/** A lock that nobody can release is found when it is too late. */
function judgeRemainder(
  ledger: Ledger,
  leaving: readonly Responder[],
  guard: Guard,
  now: Instant,
): OrderRefusal | undefined {
  const stays = (each: Responder): boolean => !isRetired(each, now) && !leaving.some(({ key }) => key === each.key)
  const staying = guard.responders.filter(stays)
  const short = shortage({ responders: staying, approvals: guard.approvals })
  if (short !== undefined) return refuse('conflict', `${short} would be left: enrol somebody first`)
  for (const [id, held] of ledger.held) {
    if (modeAt(held.lock, now) === undefined) continue
    const known = held.guard.responders.filter((each) => staying.some(({ key }) => key === each.key))
    const recovered = ledger.recovered.map(({ responder }) => responder).filter(stays)
    const left = shortage({ responders: [...known, ...recovered], approvals: held.guard.approvals })
    if (left !== undefined)
      return refuse('conflict', `${left} of those who can release lock ${id} would be left: release it first`)
  }
  return undefined
}

/** Who is missing for a release, in words; undefined where there are enough. People, not keys, are counted. */
function shortage({ responders, approvals }: Guard): string | undefined {
  const people = (kind: 'release' | 'approve'): number =>
    new Set(responders.filter(({ role }) => mayOrder(role, kind)).map(({ name }) => name)).size
  const required = Math.max(2, approvals)
  const commanders = people('approve')
  // The proposer may be a responder; each of the others approves.
  if (commanders < required - 1) return `${counted(commanders, 'commander')} for the ${required - 1} that it takes`
  if (responders.every((each) => isBrowserKey(each) || !mayOrder(each.role, 'release')))
    return 'only keys of browsers and passkeys, which open nothing by themselves,'
  if (people('release') < required) return `${counted(people('release'), 'signer')} for the ${required} that it takes`
  return undefined
}

function counted(count: number, what: string): string {
  return `only ${count} ${what}${count === 1 ? '' : 's'}`
}

function isRetired({ retiredAt }: Responder, now: Instant): boolean {
  return retiredAt !== undefined && retiredAt <= now
}
