// Rules across the keys of addresses and directories: who listens where, and what lies in what.
import { resolve } from 'node:path'
import type { Report } from './check-routes.ts'
import type { Draft } from './draft.ts'
import { checkUpstream } from './check-upstreams.ts'
import { formatListen, isSameListen } from './listen.ts'
import { isWithin, type Places } from './places.ts'
import type { Path } from './problem.ts'

export function checkAddresses(draft: Draft, places: Places, report: Report): void {
  checkListeners(draft, report)
  checkLimits(draft, report)
  for (const name of Object.keys(draft.upstreams ?? {})) checkUpstream(draft, name, places, report)
}

function checkLimits(draft: Draft, report: Report): void {
  const { headersTimeout, requestTimeout } = draft.gateway?.limits ?? {}
  if (headersTimeout !== undefined && requestTimeout !== undefined && headersTimeout > requestTimeout) {
    const what = 'is longer than requestTimeout, which counts the header fields too: make it shorter'
    report(['gateway', 'limits', 'headersTimeout'], what)
  }
}

function checkListeners({ gateway, control }: Draft, report: Report): void {
  if (gateway?.listen === undefined) return
  const { listen, workers } = gateway
  if ('path' in listen && typeof workers === 'number' && workers > 1) {
    const what = `a unix socket has one worker, not ${workers}: set workers: 1, or listen on a port`
    report(['gateway', 'workers'], what)
  }
  if (control?.listen !== undefined && isSameListen(listen, control.listen)) {
    const what = `is the address of gateway.listen (${formatListen(listen)}) too: give the control plane a port of its own`
    report(['control', 'listen'], what)
  }
}

export function checkDirectories(draft: Draft, places: Places, report: Report): void {
  const { store, audit, locks } = draft
  checkStore(store, report)
  const auditPath = audit !== undefined && 'dir' in audit ? ['audit', 'dir'] : ['audit']
  if (isWithin(places.auditDir, resolve(places.storeDir, 'orders'))) {
    const what = 'lies in the orders directory of store.dir, whose files are taken for orders'
    report(auditPath, `${what}: give the trail a directory of its own`)
  } else if (isWithin(places.storeDir, places.auditDir)) {
    const what = 'holds store.dir: every byte of every file in it is covered by the trail'
    report(auditPath, `${what}, so give the trail a directory of its own`)
  }
  for (const { file, path } of tlsFilesOf(draft)) checkOutside(file, path, places, report)
  checkTrail(audit, places, report)
  checkOutside(locks?.file, ['locks', 'file'], places, report)
  checkOutside(store?.redis?.secretFile, ['store', 'redis', 'secretFile'], places, report)
  checkOutside(store?.redis?.passwordFile, ['store', 'redis', 'passwordFile'], places, report)
}

function checkTrail(audit: Draft['audit'], places: Places, report: Report): void {
  checkOutside(audit?.pseudonyms?.keyFile, ['audit', 'pseudonyms', 'keyFile'], places, report)
  checkOutside(audit?.details?.keys, ['audit', 'details', 'keys'], places, report)
  for (const [name, each] of Object.entries(audit?.exports ?? {})) {
    for (const key of ['path', 'secretFile', 'urlFile'] as const)
      checkOutside(each?.[key], ['audit', 'exports', name, key], places, report)
  }
}

function checkStore(store: Draft['store'], report: Report): void {
  if (store === undefined) return
  const { kind, redis } = store
  const isThere = 'redis' in store
  if (kind === 'redis' && !isThere)
    report(
      ['store', 'kind'],
      'needs store.redis beside it: redis: { url: "redis://127.0.0.1:6379/0", fleet: NAME, secretFile: ./fleet.secret }',
    )
  if (kind === 'embedded' && isThere)
    report(['store', 'redis'], 'goes with kind: redis; the embedded store has no use for it', true)
  const tls = redis?.tls
  if (tls === undefined) return
  if (redis?.url !== undefined && !redis.url.startsWith('rediss'))
    report(['store', 'redis', 'tls'], 'goes with a URL of rediss', true)
  if ('cert' in tls !== 'key' in tls)
    report(['store', 'redis', 'tls'], 'must have cert and key together, or neither', true)
}

function checkOutside(file: string | undefined, path: Path, places: Places, report: Report): void {
  if (file === undefined || !isWithin(places.resolve(file), places.auditDir)) return
  report(path, 'lies in audit.dir, where every byte of every file is covered by the trail: put it elsewhere')
}

interface NamedFile {
  readonly file: string | undefined
  readonly path: Path
}

function tlsFilesOf({ gateway, control, upstreams }: Draft): readonly NamedFile[] {
  const sections: readonly (readonly [Path, Readonly<Record<string, string | undefined>> | undefined])[] = [
    [['gateway', 'tls'], gateway?.tls],
    [['control', 'tls'], control?.tls],
    ...Object.entries(upstreams ?? {}).map(
      ([name, upstream]): readonly [Path, Readonly<Record<string, string | undefined>> | undefined] => [
        ['upstreams', name, 'tls'],
        upstream?.tls,
      ],
    ),
  ]
  return sections.flatMap(([path, files]) =>
    Object.entries(files ?? {}).flatMap(([key, file]) =>
      key === 'serverName' ? [] : [{ file, path: [...path, key] }],
    ),
  )
}
