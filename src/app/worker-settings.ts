// What a data-plane thread makes of its config: keys and certificates read, routes compiled, clients of the upstreams made.
import type tls from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { createUpstreamClient, type UpstreamPools } from '../adapters/net/upstream-client.ts'
import { serverTlsOptions } from '../adapters/node/tls-server.ts'
import { isOwnIssuer } from '../config/build-otp.ts'
import type { Config, GatewayConfig } from '../config/config.ts'
import { compileNearMissGuard } from '../core/near-miss.ts'
import { compileRoutes } from '../core/route.ts'
import type { Settings } from '../gateway/gateway.ts'
import { createSpending } from '../gateway/otp-spending.ts'
import type { FleetTally } from '../ports/fleet-tally.ts'
import type { Addresses } from '../ports/addresses.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Randomness } from '../ports/clock.ts'
import type { ReplaySlab } from '../throttle/replay-slab.ts'
import type { BudgetSlab } from '../throttle/budget-slab.ts'
import { readCertificates, upstreamTlsOf, type Certificates } from './certificates.ts'
import {
  asksForCertificates,
  fieldSettingsOf,
  openProofs,
  openSessions,
  type OpenedSessions,
} from './worker-sessions.ts'

export interface SettingsDeps {
  readonly clock: Clock
  readonly addresses: Addresses
  readonly pseudonyms: Pseudonyms
  readonly logger: Logger
  readonly telemetry: Telemetry
  /** Whether a target is up by its checks. */
  readonly isUp: (key: string) => boolean
  readonly randomness: Randomness
  /** Proofs that have been used. */
  readonly replays: ReplaySlab
  /** What has been spent of OTPs. */
  readonly budgets: BudgetSlab
  /** What the gateways of a fleet count together. */
  readonly tally?: FleetTally | undefined
}

export interface OpenedSettings {
  readonly settings: Settings
  readonly verifier: OpenedSessions
  /** For the listener; absent: plain HTTP. */
  readonly secure?: tls.TlsOptions
  /** What the verifier and the client were made from. */
  readonly made: { readonly session: unknown; readonly upstreams: unknown }
}

/**
 * Rejects with an Error of one line for each file that is no good; then nothing has changed. Of `before` it keeps what would
 * be made anew just as it was: sessions that were verified stay remembered, connections to the upstreams stay open.
 */
export async function openSettings(
  config: Config,
  gateway: GatewayConfig,
  deps: SettingsDeps,
  before?: OpenedSettings,
): Promise<OpenedSettings> {
  const certificates = await readCertificates(config, deps.clock.now())
  const claims = claimsOf(config)
  const made = {
    session: { session: config.session, claims },
    upstreams: { upstreams: config.upstreams, certificates: certificates.upstreams },
  }
  const verifier =
    before !== undefined && isDeepStrictEqual(before.made.session, made.session)
      ? before.verifier
      : await openSessions(config.session, claims, deps)
  const unreadable = (await verifier.refresh()).find(({ from }) => from === 'file')
  if (unreadable !== undefined) throw new Error(`session.issuers ${unreadable.issuer}: ${unreadable.detail}`)
  const upstreams =
    before !== undefined && isDeepStrictEqual(before.made.upstreams, made.upstreams)
      ? before.settings.upstreams
      : openUpstreams(config, certificates, deps)
  const secure =
    certificates.gateway &&
    serverTlsOptions(certificates.gateway, gateway.limits.headersTimeoutMs, asksForCertificates(config))
  const settings: Settings = {
    routes: compileRoutes(config.routes),
    nearMisses: compileNearMissGuard(config.routes),
    isTrustedProxy: deps.addresses.compile(gateway.trustedProxies),
    verifier,
    proofs:
      before?.verifier === verifier && before.settings.proofs
        ? before.settings.proofs
        : openProofs(config.session, deps),
    ...fieldSettingsOf(config),
    upstreams,
    // A listener speaks TLS from its start or never.
    scheme: before?.settings.scheme ?? (secure === undefined ? 'http' : 'https'),
    headersMax: gateway.limits.headersMax,
    bodyBytesMax: gateway.limits.bodyBytesMax,
    destinations: destinationsOf(config, deps.pseudonyms),
    ...spendingOf(config, deps),
  }
  return { settings, verifier, made, ...(secure === undefined ? {} : { secure }) }
}

/** The claims that sessions keep: what routes bind or forward, and which number an OTP went to. */
function claimsOf({ routes, session }: Config): readonly string[] {
  const named = routes.flatMap(({ policy }) => [
    ...policy.session.bind,
    ...(policy.forwardClaims ?? []),
    ...(policy.response?.owner ?? []),
  ])
  const numbers = session.issuers.flatMap(({ otpNumber }) => (otpNumber === undefined ? [] : [otpNumber]))
  return [...new Set([...named.map(({ claim }) => claim), ...numbers])].sort()
}

function destinationsOf(config: Config, pseudonyms: Pseudonyms): NonNullable<Settings['destinations']> {
  const { issuers, countryCode } = config.session
  const claims = issuers.flatMap(({ issuer, otpNumber }) =>
    otpNumber === undefined ? [] : [[issuer, { claim: otpNumber, isPseudonym: isOwnIssuer(config, issuer) }] as const],
  )
  return { claims: new Map(claims), country: countryCode, pseudonyms }
}

function spendingOf(config: Config, deps: SettingsDeps): Pick<Settings, 'spend'> {
  const { budget } = config.session
  if (budget === undefined) return {}
  const { budgets: slab, clock, tally } = deps
  return { spend: createSpending({ slab, clock, ...(tally && { tally }) }, budget) }
}

function openUpstreams(config: Config, certificates: Certificates, deps: SettingsDeps): Settings['upstreams'] {
  const pools = Object.entries(config.upstreams).map(([name, upstream]): [string, UpstreamPools] => {
    const { targets, connectTimeoutMs, headersTimeoutMs, bodyTimeoutMs, connectionsMax, inFlightMax, queue } = upstream
    const secure = upstreamTlsOf(config, certificates, name)
    const timeouts = { connectTimeoutMs, headersTimeoutMs, bodyTimeoutMs }
    return [name, { targets, ...timeouts, connectionsMax, inFlightMax, queue, secure }]
  })
  return createUpstreamClient(Object.fromEntries(pools), {
    now: () => deps.clock.monotonicMs(),
    isUp: deps.isUp,
    onOverload: (upstream, reason) => {
      deps.telemetry.upstreamOverloaded(upstream, reason)
    },
  })
}
