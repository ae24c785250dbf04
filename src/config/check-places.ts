// Rules across the keys of addresses and directories: who listens where, and what lies in what.
import { resolve } from 'node:path'
import type { Report } from './check-routes.ts'
import type { Listen } from './config.ts'
import type { Draft } from './draft.ts'
import { formatListen, isReachedBy, isSameListen } from './listen.ts'
import { isWithin, type Places } from './places.ts'
import type { Path } from './problem.ts'

export function checkAddresses(draft: Draft, report: Report): void {
  checkListeners(draft, report)
  const { headersTimeout, requestTimeout } = draft.gateway?.limits ?? {}
  if (headersTimeout !== undefined && requestTimeout !== undefined && headersTimeout > requestTimeout) {
    const what = 'is longer than requestTimeout, which counts the header fields too: make it shorter'
    report(['gateway', 'limits', 'headersTimeout'], what)
  }
  for (const name of Object.keys(draft.upstreams ?? {})) checkUpstream(draft, name, report)
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

function checkUpstream(draft: Draft, name: string, report: Report): void {
  const upstream = draft.upstreams?.[name]
  if (upstream === undefined) return
  const said = ['url', 'targets'].filter((key) => key in upstream)
  if (said.length !== 1)
    report(
      ['upstreams', name],
      said.length === 0
        ? 'must name its url, as in { url: http://127.0.0.1:9000 }, or several targets'
        : 'must name its url or its targets, not both',
    )
  const targets = upstream.targets ?? []
  if (upstream.url !== undefined) checkTarget(draft, upstream.url, ['upstreams', name, 'url'], report)
  for (const [index, target] of targets.entries()) {
    if (target === undefined) continue
    checkTarget(draft, target, ['upstreams', name, 'targets', index], report)
    if (targets.indexOf(target) !== index)
      report(['upstreams', name, 'targets', index], 'stands twice among the targets: keep one')
  }
}

function checkTarget(draft: Draft, target: string, path: readonly (string | number)[], report: Report): void {
  const url = new URL(target)
  const address: Listen = {
    host: url.hostname,
    port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
  }
  for (const plane of ['gateway', 'control'] as const) {
    const listen = draft[plane]?.listen
    if (listen !== undefined && isReachedBy(listen, address)) {
      report(
        path,
        plane === 'gateway'
          ? 'is the address of gateway.listen: the gateway would call itself without end'
          : 'is the address of control.listen: the control plane is never offered to clients',
      )
    }
  }
}

export function checkDirectories(draft: Draft, places: Places, report: Report): void {
  const { store, audit, locks } = draft
  if (store !== undefined && (store.kind === 'redis' || 'redis' in store)) {
    const key = store.kind === 'redis' ? 'kind' : 'redis'
    const what = 'this version has the embedded store only: set kind: embedded and leave redis out'
    report(['store', key], what, key === 'redis')
  }
  const auditPath = audit !== undefined && 'dir' in audit ? ['audit', 'dir'] : ['audit']
  if (isWithin(places.auditDir, resolve(places.storeDir, 'orders'))) {
    const what = 'lies in the orders directory of store.dir, whose files are taken for orders'
    report(auditPath, `${what}: give the trail a directory of its own`)
  } else if (isWithin(places.storeDir, places.auditDir)) {
    const what = 'holds store.dir: every byte of every file in it is covered by the trail'
    report(auditPath, `${what}, so give the trail a directory of its own`)
  }
  checkOutside(audit?.pseudonyms?.keyFile, ['audit', 'pseudonyms', 'keyFile'], places, report)
  checkOutside(locks?.file, ['locks', 'file'], places, report)
}

function checkOutside(file: string | undefined, path: Path, places: Places, report: Report): void {
  if (file === undefined || !isWithin(places.resolve(file), places.auditDir)) return
  report(path, 'lies in audit.dir, where every byte of every file is covered by the trail: put it elsewhere')
}
