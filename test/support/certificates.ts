// An authority made for one test, and certificates of it; openssl makes them.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface Issued {
  /** Paths of PEM files, and what is in them. */
  readonly certFile: string
  readonly keyFile: string
  readonly cert: string
  readonly key: string
}

export interface Asked {
  /** As in `DNS:localhost` and `IP:127.0.0.1`. */
  readonly names?: readonly string[]
  /** From now; -1: it ended a day ago. */
  readonly days?: number
  /** Options of openssl for the key. */
  readonly newkey?: readonly string[]
  readonly digest?: string
}

export interface Authority extends Issued {
  issue(name: string, asked?: Asked): Issued
}

export const P256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'] as const

export function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', [...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`)
}

function issued(certFile: string, keyFile: string): Issued {
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
}

/** Files go into `home`, by name. */
export function createAuthority(home: string, name = 'authority', days = 2): Authority {
  const at = (file: string): string => path.join(home, file)
  const [certFile, keyFile] = [at(`${name}.crt`), at(`${name}.key`)]
  const made = ['-nodes', '-keyout', keyFile, '-out', certFile, '-days', String(days), '-subj', `/CN=${name}`]
  openssl('req', '-x509', '-newkey', ...P256, ...made)
  return {
    ...issued(certFile, keyFile),
    issue(
      leaf,
      { names = ['DNS:localhost', 'IP:127.0.0.1'], days: leafDays = 2, newkey = P256, digest = 'sha256' } = {},
    ) {
      const [request, leafCert, leafKey] = [at(`${leaf}.csr`), at(`${leaf}.crt`), at(`${leaf}.key`)]
      const alternatives = ['-addext', `subjectAltName=${names.join(',')}`]
      openssl(
        'req',
        '-newkey',
        ...newkey,
        '-nodes',
        '-keyout',
        leafKey,
        '-out',
        request,
        '-subj',
        `/CN=${leaf}`,
        ...alternatives,
      )
      const signed = [
        '-CA',
        certFile,
        '-CAkey',
        keyFile,
        '-days',
        String(leafDays),
        `-${digest}`,
        '-copy_extensions',
        'copy',
      ]
      openssl('x509', '-req', '-in', request, '-out', leafCert, ...signed)
      return issued(leafCert, leafKey)
    },
  }
}
