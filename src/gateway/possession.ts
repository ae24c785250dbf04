// Whether a bound token is in the hands that it was given to: by a DPoP proof (RFC 9449) or the caller's certificate (RFC 8705).
import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Denial } from '../core/decision.ts'
import type { SessionBinding } from '../core/policy.ts'
import type { Confirmation, Session } from '../core/session.ts'
import type { ProofVerifier } from '../ports/proof-verifier.ts'
import type { Credential } from './credentials.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { publicOrigin } from './headers.ts'

type Presented = Extract<Credential, { token: string }>

/** Undefined: nothing is to be shown. */
export function checkPossession(
  exchange: Exchange,
  binding: SessionBinding | undefined,
  presented: Presented,
  session: Session,
  gateway: Gateway,
): Denial | undefined | Promise<Denial | undefined> {
  if (binding === 'none') return undefined
  const bound = session.confirmation
  if (bound === undefined && binding === undefined) return presented.scheme === 'dpop' ? UNBOUND : undefined
  const isWanted = (kind: 'dpop' | 'mtls', print: string | undefined): boolean =>
    print !== undefined || binding === kind
  if (isWanted('mtls', bound?.x5t) && !holdsCertificate(exchange, bound)) return OTHER_HANDS
  if (isWanted('dpop', bound?.jkt)) return checkProof(exchange, presented, bound?.jkt, gateway)
  // Bound in a way that is not known here: nobody can show it.
  return bound?.x5t === undefined ? OTHER_HANDS : undefined
}

const OTHER_HANDS: Denial = { denied: 'invalid-token', detail: 'The token is bound to another key or certificate.' }
const UNBOUND: Denial = { denied: 'invalid-token', detail: 'The token is not bound to a key.' }

function holdsCertificate(exchange: Exchange, bound: Confirmation | undefined): boolean {
  const shown = certificatePrint(exchange.downstream.socket)
  return shown !== undefined && shown === bound?.x5t
}

/** One certificate a connection. */
const prints = new WeakMap<Duplex, string>()

function certificatePrint(socket: Duplex): string | undefined {
  const known = prints.get(socket)
  if (known !== undefined) return known
  const certificate = (socket as Partial<TLSSocket>).getPeerX509Certificate?.()
  if (certificate === undefined) return undefined
  const print = createHash('sha256').update(certificate.raw).digest('base64url')
  prints.set(socket, print)
  return print
}

function checkProof(
  exchange: Exchange,
  { token, scheme }: Presented,
  jkt: string | undefined,
  gateway: Gateway,
): Denial | Promise<Denial | undefined> {
  const { proofs } = gateway.settings
  const now = gateway.clock.now()
  if (proofs === undefined || jkt === undefined) return challenge(UNBOUND.detail, proofs, undefined, 'invalid-token')
  const { fields } = exchange.request
  // RFC 9449, 7.2: a bound token that comes as a bearer token is refused.
  if (scheme !== 'dpop') return challenge('The token must be shown with a proof of possession.', proofs, undefined)
  const spelled = fields.names.filter((name) => name.replaceAll('_', '-') === 'dpop')
  const proof = spelled.length === 1 ? fields.first('dpop') : undefined
  if (proof === undefined) return challenge('One DPoP proof must come with the token.', proofs, proofs.nonce(now))
  const origins = proofs.origins.length > 0 ? proofs.origins : [publicOrigin(exchange, gateway.settings.scheme)]
  const path = exchange.target?.path ?? '/'
  const facts = { method: exchange.method, urls: origins.map((origin) => `${origin}${path}`), token, jkt, now }
  return proofs.verify(proof, facts).then((verdict) => {
    switch (verdict) {
      case 'ok':
        exchange.nonce = proofs.nonce(now)
        return undefined
      case 'unavailable':
        return { denied: 'sessions-unavailable', retryAfterMs: 1_000 }
      case 'nonce':
        return challenge('The proof must hold the nonce of this answer.', proofs, proofs.nonce(now))
      case 'invalid':
        return challenge('The DPoP proof does not hold.', proofs, undefined)
    }
  })
}

function challenge(
  detail: string | undefined,
  proofs: ProofVerifier | undefined,
  nonce: string | undefined,
  denied: 'invalid-proof' | 'invalid-token' = 'invalid-proof',
): Denial {
  return {
    denied,
    ...(detail === undefined ? {} : { detail }),
    proof: { algorithms: proofs?.algorithms ?? [], ...(nonce === undefined ? {} : { nonce }) },
  }
}
