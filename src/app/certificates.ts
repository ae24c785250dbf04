// The data plane's certificates: read by each worker from the files that the config names, and watched by the main thread.
import type { UpstreamTls } from '../adapters/net/tls-context.ts'
import {
  readTlsFiles,
  watchTlsFiles,
  type TlsFiles,
  type TlsMaterial,
  type TlsWatch,
} from '../adapters/node/tls-files.ts'
import type { Config } from '../config/config.ts'
import type { Instant } from '../core/time.ts'
import type { Logger } from '../ports/logger.ts'

export interface Certificates {
  /** Of the listener; absent: it speaks plain HTTP. */
  readonly gateway?: TlsMaterial
  /** Of the upstreams whose config has `tls`, by name. */
  readonly upstreams: Readonly<Record<string, TlsMaterial>>
}

interface Named {
  /** Its key in the config. */
  readonly key: string
  readonly files: TlsFiles
}

function namedIn({ gateway, upstreams }: Config): readonly Named[] {
  // Without a data plane nobody uses them.
  if (gateway === undefined) return []
  const listener = gateway.tls === undefined ? [] : [{ key: 'gateway.tls', files: listenerFiles(gateway.tls) }]
  const others = Object.entries(upstreams).flatMap(([name, { tls }]) =>
    tls === undefined ? [] : [{ key: upstreamKey(name), files: upstreamFiles(tls) }],
  )
  return [...listener, ...others]
}

function upstreamKey(name: string): string {
  return `upstreams.${name}.tls`
}

function listenerFiles({ cert, key, clientCa }: NonNullable<NonNullable<Config['gateway']>['tls']>): TlsFiles {
  return clientCa === undefined ? { cert, key } : { cert, key, ca: clientCa }
}

function upstreamFiles({ ca, cert, key }: NonNullable<Config['upstreams'][string]['tls']>): TlsFiles {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

/** Rejects with an Error of one line for each file that is no good. */
export async function readCertificates(config: Config, now: Instant): Promise<Certificates> {
  const problems: string[] = []
  const found = new Map<string, TlsMaterial>()
  for (const { key, files } of namedIn(config)) {
    const material = await readTlsFiles(files, now)
    if ('problems' in material) problems.push(...material.problems.map((problem) => `${key}: ${problem}`))
    else found.set(key, material)
  }
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const gateway = found.get('gateway.tls')
  const upstreams = Object.keys(config.upstreams).flatMap((name) => {
    const material = found.get(upstreamKey(name))
    return material === undefined ? [] : [[name, material] as const]
  })
  return { ...(gateway === undefined ? {} : { gateway }), upstreams: Object.fromEntries(upstreams) }
}

/** What the connections of an upstream need, for data plane and checks alike. */
export function upstreamTlsOf(config: Config, { upstreams }: Certificates, name: string): UpstreamTls {
  const serverName = config.upstreams[name]?.tls?.serverName
  return { ...upstreams[name], ...(serverName === undefined ? {} : { serverName }) }
}

export interface CertificateWatchDeps {
  readonly now: () => Instant
  readonly logger: Logger
  /** Has the workers read the files anew; resolves with why they could not. */
  readonly apply: () => Promise<readonly string[]>
}

export interface CertificateWatch {
  /** What is in use from now on: at start, and when a reload has been taken. */
  use(config: Config, certificates: Certificates): void
  /** One look at every file, for the caller's timer. Never rejects. */
  look(): Promise<void>
  readonly problems: readonly string[]
}

export function createCertificateWatch(deps: CertificateWatchDeps): CertificateWatch {
  let watches: readonly TlsWatch[] = []
  return {
    use(config, certificates) {
      watches = namedIn(config).map(({ key, files }) =>
        watchTlsFiles({ key, files, material: materialOf(certificates, key), ...deps }),
      )
    },
    async look() {
      for (const watch of watches) await watch.look()
    },
    get problems() {
      return watches.flatMap((watch) => watch.problems)
    },
  }
}

function materialOf({ gateway, upstreams }: Certificates, key: string): TlsMaterial {
  const found =
    key === 'gateway.tls' ? gateway : Object.entries(upstreams).find(([name]) => upstreamKey(name) === key)?.[1]
  return found ?? {}
}
