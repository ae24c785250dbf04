// Certificates, private keys and authorities in PEM: whether they are fit to be used, and if not, why.
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import type { Instant } from '../../core/time.ts'

/** Texts in PEM. `cert` (a chain, its own certificate first) and `key` stand together; `ca` are authorities to believe. */
export interface TlsTexts {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

/** What is wrong with which of the texts, and what would be right; never a part of a key. */
export interface TlsProblem {
  readonly of: keyof TlsTexts
  readonly message: string
}

/** NIST SP 800-131A: 112 bits of strength. The other kinds are those that TLS 1.3 signs with (RFC 8446, 4.2.3). */
const RSA_BITS_MIN = 2048
const KINDS: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1', 'ed25519', 'ed448'])

/** Every problem of the texts at `now` (epoch milliseconds); none where they are fit. */
export function checkTlsTexts({ cert, key, ca }: TlsTexts, now: Instant): readonly TlsProblem[] {
  const problems: TlsProblem[] = []
  const report = (of: keyof TlsTexts, message: string): void => {
    problems.push({ of, message })
  }
  const chain = cert === undefined ? [] : certificatesOf(cert, 'cert', report)
  const [own] = chain
  const secret = key === undefined ? undefined : privateKeyOf(key, report)
  if (own !== undefined) checkOwn(own, now, report)
  if (own !== undefined && secret !== undefined && !own.checkPrivateKey(secret))
    report('key', explainStranger(chain, secret))
  if (ca !== undefined) checkAuthorities(certificatesOf(ca, 'ca', report), now, report)
  if (problems.length === 0) checkWhole({ cert, key, ca }, report)
  return problems
}

/** When the own certificate of a chain ends, in epoch milliseconds. Only for texts that are fit. */
export function expiryOf(cert: string): Instant {
  return new X509Certificate(cert).validToDate.getTime()
}

type Report = (of: keyof TlsTexts, message: string) => void

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

function certificatesOf(text: string, of: 'cert' | 'ca', report: Report): readonly X509Certificate[] {
  const found = text.match(PEM_CERTIFICATE) ?? []
  if (found.length === 0) {
    const hint = text.includes('PRIVATE KEY-----') ? ', but a private key: are cert and key exchanged?' : ''
    report(of, `holds no certificate in PEM${hint}`)
  }
  try {
    return found.map((each) => new X509Certificate(each))
  } catch {
    report(of, 'holds a certificate that cannot be read: was it cut off or pasted badly?')
    return []
  }
}

function privateKeyOf(text: string, report: Report): KeyObject | undefined {
  if (/ENCRYPTED/.test(text)) {
    report('key', 'is encrypted by a passphrase: write it without one, readable by the gateway alone')
    return undefined
  }
  try {
    return createPrivateKey(text)
  } catch {
    const hint = text.includes('BEGIN CERTIFICATE-----') ? ', but a certificate: are cert and key exchanged?' : ''
    report('key', `holds no private key in PEM${hint}`)
    return undefined
  }
}

function checkOwn(own: X509Certificate, now: Instant, report: Report): void {
  if (own.validToDate.getTime() <= now) report('cert', `expired on ${own.validToDate.toISOString()}: renew it`)
  if (own.validFromDate.getTime() > now)
    report('cert', `is not valid before ${own.validFromDate.toISOString()}: is the clock right?`)
  const weakness = weaknessOf(own.publicKey)
  if (weakness !== undefined) report('cert', `${weakness}: have it made anew`)
  if (/sha-?1(?!\d)|md5/i.test(own.signatureAlgorithm ?? ''))
    report('cert', 'is signed by SHA-1 or MD5, which can be forged: have it made anew')
}

function weaknessOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string | undefined {
  if (type === 'rsa' || type === 'rsa-pss') {
    const bits = details?.modulusLength ?? 0
    return bits >= RSA_BITS_MIN ? undefined : `has an RSA key of ${bits} bits, the least is ${RSA_BITS_MIN}`
  }
  const kind = details?.namedCurve ?? type ?? 'unknown'
  if (KINDS.has(kind)) return undefined
  return `has a key of a kind that is not taken (${kind}): use RSA, P-256, P-384, P-521 or Ed25519`
}

function explainStranger(chain: readonly X509Certificate[], secret: KeyObject): string {
  return chain.slice(1).some((each) => each.checkPrivateKey(secret))
    ? 'belongs to a later certificate of the chain: its own certificate comes first, then those that vouch for it'
    : 'is the key of another certificate'
}

/** Of several one may have expired: bundles keep what old peers still look for. */
function checkAuthorities(authorities: readonly X509Certificate[], now: Instant, report: Report): void {
  if (authorities.length > 0 && authorities.every((each) => each.validToDate.getTime() <= now))
    report('ca', 'has no authority that has not expired: renew it')
}

/** What OpenSSL alone finds: each text is fit by itself, and they do not go together. */
function checkWhole(texts: { readonly [Key in keyof TlsTexts]: TlsTexts[Key] | undefined }, report: Report): void {
  try {
    createSecureContext(texts)
  } catch (error) {
    const reason =
      error instanceof Error ? error.message.replace(/^error:[0-9A-F]*:/i, '') : 'for no reason that it says'
    report(texts.cert === undefined ? 'ca' : 'cert', `is refused by OpenSSL: ${reason}`)
  }
}
