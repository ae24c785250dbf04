// One-time passwords of the gateway's own: their settings, the routes that they are asked for by, and the issuer that they make.
import { join } from 'node:path'
import type { OwnEndpoint, ResponsePolicy, RoutePolicy, Source } from '../core/policy.ts'
import type { Route } from '../core/route.ts'
import type { Config, IssuerConfig, OtpBudget, OtpConfig } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import { parseSize } from './scalars.ts'
import type { ConfigDocument } from './schema.ts'

/** Every path below it is the gateway's own. */
export const OWN_PATHS = '/.portcullis'
/** Ids of the gateway's own routes begin with it. */
export const OWN_IDS = 'portcullis.'
/** The claim of our own sessions with the pseudonym of the number that the code was delivered to. */
const NUMBER_CLAIM = 'otp_number'
/** `{"number": ..., "transaction": ..., "code": ...}`, many times over. */
const BODY_BYTES_MAX = 4_096

export function otpOf(
  document: ConfigDocument,
  storeDir: string,
  absolute: (path: string) => string,
): OtpConfig | undefined {
  const { otp, session } = document
  if (otp === undefined) return undefined
  const { webhook, totp } = otp
  return {
    issuer: otp.issuer,
    audience: otp.audience,
    sessionMs: otp.session,
    rotateMs: otp.rotate,
    keyFile: otp.keyFile === undefined ? join(storeDir, 'otp.key') : absolute(otp.keyFile),
    countryCode: session.countryCode,
    ...(webhook === undefined
      ? {}
      : { webhook: { url: webhook.url, secretFile: absolute(webhook.secretFile), timeoutMs: webhook.timeout } }),
    ...(totp === undefined ? {} : { totp: { file: absolute(totp.file) } }),
    limits: otp.limits,
  }
}

export function budgetOf(budget: ConfigDocument['session']['budget']): OtpBudget | undefined {
  if (budget === undefined) return undefined
  const { subjects, routes, time } = budget
  return {
    ...(subjects === undefined ? {} : { subjects }),
    ...(routes === undefined ? {} : { routes }),
    ...(time === undefined ? {} : { timeMs: time }),
  }
}

/** The public keys of our own sessions, where the workers find them like those of any issuer. */
export function otpKeysFile(storeDir: string): string {
  return join(storeDir, 'otp-jwks.json')
}

/** The issuers with ourselves among them. */
export function withOwnIssuer(
  issuers: readonly IssuerConfig[],
  otp: OtpConfig | undefined,
  storeDir: string,
): readonly IssuerConfig[] {
  if (otp === undefined) return issuers
  const own: IssuerConfig = {
    issuer: otp.issuer,
    jwks: { file: otpKeysFile(storeDir) },
    algorithms: ['ES256'],
    audience: otp.audience,
    otpAmr: ['otp'],
    otpNumber: NUMBER_CLAIM,
  }
  return [...issuers, own]
}

export function ownRoutes(otp: OtpConfig | undefined): readonly Route[] {
  if (otp === undefined) return []
  return [
    ownRoute('otp-request', 'POST', { bodyBytesMax: BODY_BYTES_MAX }),
    ownRoute('otp-verify', 'POST', { bodyBytesMax: BODY_BYTES_MAX }),
    ownRoute('otp-keys', 'GET', { audit: 'best-effort' }),
  ]
}

function ownRoute(own: OwnEndpoint, method: string, more: Partial<RoutePolicy>): Route {
  const name = own.replace('otp-', '')
  return {
    id: `${OWN_IDS}otp.${name}`,
    path: `${OWN_PATHS}/otp/${name === 'keys' ? 'jwks.json' : name}`,
    methods: [method],
    upstream: '',
    tags: ['otp'],
    policy: {
      lock: 'open',
      session: { level: 'none', bind: [] },
      stale: 'frozen',
      audit: 'strict',
      throttle: {},
      subjects: [],
      forwardAuthorization: false,
      own,
      ...more,
    },
  }
}

export type ResponseDocument = ConfigDocument['routes'][number]['response']

/** What is held back of a route's requests and answers, so that it can be judged. */
export function judgedOf(
  sources: readonly Source[],
  bodyBytes: number | undefined,
  response: ResponseDocument,
): Pick<RoutePolicy, 'bodyBytesMax' | 'response'> {
  return {
    ...(sources.some((source) => source.in === 'body')
      ? { bodyBytesMax: bodyBytes ?? parseSize(DEFAULTS.route.bodyBytes) }
      : {}),
    ...(response === undefined ? {} : { response: responseOf(response) }),
  }
}

function responseOf(response: NonNullable<ResponseDocument>): ResponsePolicy {
  return {
    owner: Object.entries(response.owner ?? {}).map(([pointer, claim]) => ({
      pointer,
      claim: claim.slice('claim.'.length),
    })),
    number: response.number ?? [],
    subjects: response.subjects ?? [],
    unknown: response.unknown,
    bytesMax: response.bytes,
  }
}

/** Whether sessions of our own issuer carry the number as a pseudonym. */
export function isOwnIssuer(config: Config, issuer: string): boolean {
  return config.otp?.issuer === issuer
}
