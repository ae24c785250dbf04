// What a session or client that ran away comes to: by the gateway's own key, where the config has one, a lock of it alone that opens by
// itself, or the session's end; else a suggestion that somebody signs.
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createAddresses } from '../adapters/ipaddr/addresses.ts'
import type { Config } from '../config/config.ts'
import type { Suggestions } from '../control/suggestions.ts'
import type { AnomalyRecord } from '../core/audit-record.ts'
import type { LockScope } from '../core/scope.ts'
import type { Parts } from './parts.ts'

type Hear = (anomaly: AnomalyRecord) => void

const addresses = createAddresses()

export function proposerOf(suggestions: Pick<Suggestions, 'propose'>): Hear {
  return (anomaly) => {
    if (!isGrave(anomaly)) return
    const id = createHash('sha256').update(nameOf(anomaly)).digest('hex').slice(0, 16)
    suggestions.propose({ id, detector: anomaly.detector, scope: scopeOf(anomaly) })
  }
}

/** Throws an Error of one line where the key is nobody's. */
export function lockerOf(
  { desk, clock, randomness, logger, running }: Parts,
  { keyFile, ttlMs }: NonNullable<NonNullable<Config['throttle']>['lock']>,
): Hear {
  const privateKey = createPrivateKey(readFileSync(keyFile, 'utf8'))
  const x = createPublicKey(privateKey).export({ format: 'jwk' }).x
  const me = running.config.control.responders.find(({ key }) => key === x)
  if (me === undefined)
    throw new Error(
      `throttle.lock.keyFile ${keyFile}: its public key is no responder's: enrol it in control.responders`,
    )
  const done = new Map<string, number>()
  const submit = async (order: object, detector: string): Promise<void> => {
    const fleet = running.config.store.redis?.fleet
    const claims = {
      ...{ iss: me.name, iat: Math.floor(clock.now() / 1000), jti: randomness.requestId(), order },
      ...(fleet === undefined ? {} : { aud: fleet }),
    }
    const input = `${encoded({ alg: 'EdDSA', typ: 'portcullis-order+jwt', kid: me.name })}.${encoded(claims)}`
    const jws = `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
    const { outcome } = await desk.submit(jws, 'api')
    if (outcome !== 'accepted') logger.error('an order by a detector was not accepted', { outcome, detector })
  }
  return (anomaly) => {
    if (!isGrave(anomaly)) return
    const now = clock.now()
    const name = nameOf(anomaly)
    if ((done.get(name) ?? 0) > now) return
    for (const [each, until] of done) if (until <= now) done.delete(each)
    done.set(name, now + ttlMs)
    submit(orderOf(anomaly, ttlMs, now), anomaly.detector).catch((error: unknown) => {
      logger.error('an order by a detector failed', { error: String(error), detector: anomaly.detector })
    })
  }
}

function isGrave({ answer }: AnomalyRecord): boolean {
  return answer === 'lock' || answer === 'revoke'
}

/** Once each. */
function nameOf({ answer, session, client }: AnomalyRecord): string {
  return `${answer}\0${session ?? networkOf(client)}`
}

/** Who is found is counted by this network: whoever has an IPv6 address has all of its /64, and would leave a lock of the one behind. */
function networkOf(client: string): string {
  const counted = addresses.aggregate(client)
  return counted.includes('/') ? counted : `${client}/32`
}

/** A token that is in many hands, or asks for strangers, is at an end; who read a honey subject is held. */
function orderOf(anomaly: AnomalyRecord, ttlMs: number, now: number): object {
  const { detector, threat, sentence, answer, session } = anomaly
  const words = {
    reason: `${detector} (${threat ?? ''}): ${sentence}`,
    incident: `INC-${new Date(now).toISOString().slice(0, 10)}`,
  }
  if (answer === 'revoke' && session !== undefined) return { kind: 'revoke', session, ...words }
  const ttl = `${Math.round(ttlMs / 1000)}s`
  return { kind: 'lock', scope: scopeOf(anomaly), mode: 'deny', onExpiry: 'open', ttl, ...words }
}

function scopeOf({ session, client }: AnomalyRecord): LockScope {
  if (session !== undefined) return { sessions: [session] }
  return { cidrs: [networkOf(client)] }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
