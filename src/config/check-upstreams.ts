// Rules across the keys of an upstream: where its targets are, and what may be asked of them.
import type { Report } from './check-routes.ts'
import type { Listen } from './config.ts'
import type { Draft } from './draft.ts'
import { isReachedBy } from './listen.ts'
import type { Places } from './places.ts'
import type { Path } from './problem.ts'

type UpstreamDraft = NonNullable<NonNullable<Draft['upstreams']>[string]>

export function checkUpstream(draft: Draft, name: string, places: Places, report: Report): void {
  const upstream = draft.upstreams?.[name]
  if (upstream === undefined) return
  const path: Path = ['upstreams', name]
  const said = ['url', 'targets'].filter((key) => key in upstream)
  if (said.length !== 1)
    report(
      path,
      said.length === 0
        ? 'must name its url, as in { url: http://127.0.0.1:9000 }, or several targets'
        : 'must name its url or its targets, not both',
    )
  const targets = upstream.targets ?? []
  if (upstream.url !== undefined) checkTarget(draft, upstream.url, [...path, 'url'], places, report)
  for (const [index, target] of targets.entries()) {
    if (target === undefined) continue
    checkTarget(draft, target, [...path, 'targets', index], places, report)
    if (targets.indexOf(target) !== index)
      report([...path, 'targets', index], 'stands twice among the targets: keep one')
  }
  checkTls(upstream, path, report)
  checkLoad(upstream, path, report)
}

function checkTarget(draft: Draft, target: string, path: Path, places: Places, report: Report): void {
  const address = addressOf(target, places)
  for (const plane of ['gateway', 'control'] as const) {
    const listen = draft[plane]?.listen
    if (listen === undefined) continue
    const own = 'path' in listen ? { path: places.resolve(listen.path) } : listen
    if (isReachedBy(own, address)) {
      report(
        path,
        plane === 'gateway'
          ? 'is the address of gateway.listen: the gateway would call itself without end'
          : 'is the address of control.listen: the control plane is never offered to clients',
      )
    }
  }
}

function addressOf(target: string, places: Places): Listen {
  if (target.startsWith('unix:')) return { path: places.resolve(target.slice('unix:'.length)) }
  const url = new URL(target)
  const usual = url.protocol === 'https:' ? 443 : 80
  return { host: url.hostname, port: url.port === '' ? usual : Number(url.port) }
}

function checkTls(upstream: UpstreamDraft, path: Path, report: Report): void {
  const { tls } = upstream
  if (tls === undefined) return
  const open = [upstream.url, ...(upstream.targets ?? [])].find(
    (target) => target !== undefined && !target.startsWith('https:'),
  )
  if (open !== undefined) {
    const what = `is for https targets alone, and ${open} is none: write https://, or leave tls out`
    report([...path, 'tls'], what, true)
  }
  for (const [key, other] of [
    ['cert', 'key'],
    ['key', 'cert'],
  ] as const) {
    if (key in tls && !(other in tls))
      report([...path, 'tls', key], `stands without ${other}: a certificate is shown with its private key, name both`)
  }
}

function checkLoad({ connections, maxInFlight, ...upstream }: UpstreamDraft, path: Path, report: Report): void {
  const targets = upstream.targets?.length ?? (upstream.url === undefined ? undefined : 1)
  if (connections === undefined || targets === undefined || maxInFlight === undefined) return
  const most = connections * targets
  if (maxInFlight <= most) return
  const what = `is more than the ${most} connections that there may be (one carries one request at a time)`
  report([...path, 'maxInFlight'], `${what}: make it less, or raise connections`)
}
