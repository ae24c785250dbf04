// The desk of the gateway's own one-time passwords, on the main thread: all workers ask it, and a reload replaces it.
import { renameSync, writeFileSync } from 'node:fs'
import { createSessionIssuer } from '../adapters/jose/session-issuer.ts'
import { createMemoryOtpStore } from '../adapters/memory/otp-store.ts'
import { readSecretFile } from '../adapters/node/fleet-secret.ts'
import { createOtpCodes, loadOtpSecret, signingKeyOf } from '../adapters/node/otp-codes.ts'
import { createOtpWebhook } from '../adapters/node/otp-webhook.ts'
import { createPseudonyms, type PseudonymKey } from '../adapters/node/pseudonyms.ts'
import { openAuthenticators } from '../adapters/otpauth/authenticators.ts'
import { openRedisOtpStore } from '../adapters/redis/otp-store.ts'
import { otpKeysFile } from '../config/build-otp.ts'
import type { Config, OtpConfig } from '../config/config.ts'
import { every } from '../control/every.ts'
import { createOtpDesk } from '../control/otp/otp-desk.ts'
import type { Clock, Randomness } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'
import type { AskOtp, OtpMeter, OtpStore, SessionIssuer } from '../ports/otp.ts'
import type { CleanUp } from './clean-up.ts'
import type { Otp } from './parts.ts'
import { redisUrl, tlsOf } from './redis-place.ts'

const SECRET_LENGTH_MIN = 32
const KEYS_EVERY_MS = 60_000
/** As often as anybody scrapes. */
const COUNT_EVERY_MS = 2_000

export interface OtpNeeds {
  readonly pseudonymKey: PseudonymKey
  readonly clock: Clock
  readonly randomness: Randomness
  readonly logger: Logger
  readonly meter: OtpMeter
  readonly cleanUp: CleanUp
}

export async function openOtp(config: Config, needs: OtpNeeds): Promise<Otp> {
  const { clock, logger, cleanUp } = needs
  const store = storeOf(config, needs)
  cleanUp.defer(() => store.close())
  let desk: AskOtp | undefined
  let issuer: SessionIssuer | undefined
  let outstanding: number | undefined
  const tellKeys = async (): Promise<void> => {
    if (issuer !== undefined) writeKeys(otpKeysFile(config.store.dir), await issuer.keys(clock.now()))
  }
  const countOpen = async (): Promise<void> => {
    outstanding = desk === undefined ? undefined : await store.outstanding().catch(() => undefined)
  }
  const otp: Otp = {
    get outstanding() {
      return outstanding
    },
    ask: (question) => desk?.(question) ?? Promise.resolve({ answer: 'unavailable' }),
    async use(next) {
      if (next.otp === undefined) {
        desk = issuer = undefined
        return
      }
      const secret = loadOtpSecret(next.otp.keyFile)
      const made = issuerOf(next.otp, secret)
      const opened = deskOf(next.otp, { secret, issuer: made, store }, needs)
      issuer = made
      desk = opened
      await tellKeys()
    },
  }
  await otp.use(config)
  // Far more often than a period is long: the key of the next one is told before it is used.
  cleanUp.defer(every(KEYS_EVERY_MS, tellKeys, logger))
  cleanUp.defer(every(COUNT_EVERY_MS, countOpen, logger))
  return otp
}

function issuerOf({ issuer, audience, sessionMs, rotateMs }: OtpConfig, secret: Uint8Array): SessionIssuer {
  return createSessionIssuer({
    ...{ issuer, audience, sessionMs, rotateMs },
    keyOf: (period) => signingKeyOf(secret, period),
  })
}

interface Opened {
  readonly secret: Uint8Array
  readonly issuer: SessionIssuer
  readonly store: OtpStore
}

function deskOf(config: OtpConfig, { secret, issuer, store }: Opened, needs: OtpNeeds): AskOtp {
  const { clock, logger, meter, pseudonymKey } = needs
  const { limits, sessionMs, webhook, totp } = config
  return createOtpDesk({
    ...{ limits, sessionMs, store, issuer, clock, logger, meter },
    codes: createOtpCodes(secret),
    pseudonyms: createPseudonyms(pseudonymKey),
    ...(webhook === undefined
      ? {}
      : {
          delivery: createOtpWebhook({
            url: webhook.url,
            secret: webhookSecret(webhook.secretFile),
            timeoutMs: webhook.timeoutMs,
            now: () => clock.now(),
            logger,
            onResult: (result) => {
              meter.delivered(result)
            },
          }),
        }),
    ...(totp === undefined ? {} : { authenticators: openAuthenticators(totp.file) }),
  })
}

function webhookSecret(file: string): string {
  const secret = readSecretFile('otp.webhook.secretFile', file).trim()
  if (secret.length >= SECRET_LENGTH_MIN) return secret
  throw new Error(`otp.webhook.secretFile ${file}: must hold at least ${SECRET_LENGTH_MIN} characters`)
}

function storeOf({ store }: Config, { clock, randomness }: OtpNeeds): OtpStore {
  const { redis } = store
  if (redis === undefined) return createMemoryOtpStore(() => clock.monotonicMs())
  return openRedisOtpStore({
    url: redisUrl(redis),
    ...tlsOf(redis),
    fleet: redis.fleet,
    timeoutMs: store.leaseMs / 2,
    fraction: () => randomness.fraction(),
  })
}

/** Whole or not at all: workers read it each second. */
function writeKeys(file: string, keys: Readonly<Record<string, unknown>>): void {
  writeFileSync(`${file}.new`, JSON.stringify(keys), { mode: 0o644 })
  renameSync(`${file}.new`, file)
}
