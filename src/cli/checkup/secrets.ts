// Files that hold keys: there, private, of the right kind, and certificates that are not about to end.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { CertificateFiles, Config } from '../../config/config.ts'
import type { Instant } from '../../core/time.ts'
import { bad, doubtful, reasonOf, well, type Finding } from './finding.ts'

const DAY_MS = 86_400_000
const SOON_DAYS = 14

export function checkSecrets(config: Config, now: Instant): readonly Finding[] {
  const { store, audit, notify, control, gateway, upstreams } = config
  const made = [
    checkPrivate('store.dir', join(store.dir, 'gateway.key'), true),
    checkPrivate('audit.pseudonyms.keyFile', audit.pseudonymKeyFile, true),
  ]
  const named = [
    ...(store.redis === undefined ? [] : [checkPrivate('store.redis.secretFile', store.redis.secretFile, false)]),
    ...(store.redis?.passwordFile === undefined
      ? []
      : [checkPrivate('store.redis.passwordFile', store.redis.passwordFile, false)]),
    ...notify.webhooks.map(({ secretFile }, index) =>
      checkPrivate(`notify.webhooks[${index}].secretFile`, secretFile, false),
    ),
  ]
  const certificates = [
    ...(control.tls === undefined ? [] : checkCertificate('control.tls', control.tls, now)),
    ...(gateway?.tls === undefined ? [] : checkCertificate('gateway.tls', gateway.tls, now)),
    ...Object.entries(upstreams).flatMap(([name, { tls }]) =>
      tls?.cert === undefined || tls.key === undefined
        ? []
        : checkCertificate(`upstreams.${name}.tls`, { cert: tls.cert, key: tls.key }, now),
    ),
  ]
  return [...made, ...named, ...certificates]
}

/** `isMade`: the gateway makes it at its first start. */
function checkPrivate(key: string, file: string, isMade: boolean): Finding {
  try {
    const mode = statSync(file).mode & 0o777
    if ((mode & 0o077) !== 0)
      return bad(key, `${file} can be read by others (mode ${mode.toString(8).padStart(4, '0')})`, `chmod 600 ${file}`)
    readFileSync(file)
    return well(key, `${file}: private`)
  } catch (error) {
    const isMissing = reasonOf(error) === 'ENOENT'
    if (isMissing && isMade) return well(key, `${file}: not there yet, the gateway makes it`)
    return bad(
      key,
      `${file}: ${isMissing ? 'does not exist' : reasonOf(error)}`,
      `put it there, 0600, readable by the gateway alone`,
    )
  }
}

function checkCertificate(key: string, { cert, key: keyFile }: CertificateFiles, now: Instant): readonly Finding[] {
  try {
    const certificate = new X509Certificate(readFileSync(cert))
    const ends = Date.parse(certificate.validTo)
    const days = Math.floor((ends - now) / DAY_MS)
    const text = `${cert}: ends ${new Date(ends).toISOString().slice(0, 10)}, in ${days} d`
    const age = days < 0 ? bad(key, text, RENEW) : days < SOON_DAYS ? doubtful(key, text, RENEW) : well(key, text)
    const fits = certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile)))
    return fits
      ? [age]
      : [age, bad(key, `${keyFile} is not the key of ${cert}`, 'name the key that the certificate was made for')]
  } catch (error) {
    return [
      bad(
        key,
        `certificate and key cannot be read: ${reasonOf(error)}`,
        'name PEM files: the chain in cert, its key without a passphrase in key',
      ),
    ]
  }
}

const RENEW = 'renew it: the gateway reads it anew by itself'
