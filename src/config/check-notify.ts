// Rules across the keys of webhooks and of the Alertmanager receiver.
import { scopeProblems } from '../core/judge-order.ts'
import { Reader } from '../core/order-reader.ts'
import { parseScope } from '../core/order-scope.ts'
import type { Report } from './check-routes.ts'
import type { Draft } from './draft.ts'
import { isLoopbackHost } from './listen.ts'

export function checkNotify(draft: Draft, report: Report): void {
  checkWebhooks(draft, report)
  for (const [index, rule] of (draft.control?.alertmanager?.rules ?? []).entries()) {
    const at = ['control', 'alertmanager', 'rules', index]
    if (rule?.match !== undefined && Object.keys(rule.match).length === 0)
      report(
        [...at, 'match'],
        'is empty: it would match every alert; name a label, as in { alertname: RecordScraping }',
      )
    for (const problem of rule?.scope === undefined ? [] : problemsOf(rule.scope, draft))
      report([...at, 'scope'], problem.replace(/^scope[. ]/, ''))
  }
}

function checkWebhooks({ notify }: Draft, report: Report): void {
  const seen = new Map<string, number>()
  const isPrivate = (notify?.networks ?? []).length > 0
  for (const [index, webhook] of (notify?.webhooks ?? []).entries()) {
    const url = webhook?.url
    if (url === undefined) continue
    const at = ['notify', 'webhooks', index, 'url']
    const other = seen.get(url)
    if (other !== undefined) report(at, `is the receiver notify.webhooks[${other}] too: it would be told twice`)
    seen.set(url, index)
    const { protocol, hostname } = new URL(url)
    if (protocol === 'http:' && !isPrivate && !isLoopbackHost(hostname))
      report(
        at,
        'must be https: over http anybody on the way reads it (http is taken to loopback or to notify.networks)',
      )
  }
}

function problemsOf(given: object, draft: Draft): readonly string[] {
  const reader = new Reader({ scope: given }, '')
  const scope = parseScope(reader)
  return reader.problems.length > 0 ? reader.problems : scopeProblems(scope, knownRoutes(draft))
}

type Known = Parameters<typeof scopeProblems>[1]

/** As far as the routes are right: the others have their own problems. */
function knownRoutes({ routes = [], defaults }: Draft): Known {
  return routes.flatMap((route) =>
    route?.id === undefined
      ? []
      : [
          {
            id: route.id,
            tags: route.tags ?? defaults?.tags ?? [],
            upstream: route.upstream ?? defaults?.upstream ?? '',
          },
        ],
  ) as unknown as Known
}
