// Rules across the keys of people and issuers: who may release a lock, and whose sessions are believed.
import type { Instant } from '../core/time.ts'
import { mayOrder } from '../core/responder.ts'
import type { Report } from './check-routes.ts'
import { RELEASE_APPROVALS_MIN } from './defaults.ts'
import type { Draft } from './draft.ts'
import { isLoopback, isLoopbackHost } from './listen.ts'
import { quote, type Path } from './problem.ts'

/** `now` decides who has been retired; without it, whoever has a date. */
export function checkControl(draft: Draft, now: Instant | undefined, report: Report): void {
  checkTwins(draft, report)
  checkApprovals(draft, now, report)
  checkIssuers(draft, report)
  const { control } = draft
  if (control?.listen !== undefined && !isLoopback(control.listen) && !('tls' in control)) {
    report(
      ['control', 'listen'],
      'is reached from other machines and needs control.tls, with cert and key: without it the read token and the console go over the network in clear',
    )
  }
}

function checkTwins(draft: Draft, report: Report): void {
  const byName = new Map<string, number>()
  const byKey = new Map<string, number>()
  for (const [index, responder] of (draft.control?.responders ?? []).entries()) {
    // Names that differ in case alone are one name to whoever reads them aloud.
    const name = responder?.name?.toLowerCase()
    const { other: namesake } = taken(byName, name, index)
    if (namesake !== undefined)
      report(
        ['control', 'responders', index, 'name'],
        `two responders are named ${quote(responder?.name ?? '')}, the other is control.responders[${namesake}]: a name is one person's`,
      )
    const { other: holder } = taken(byKey, responder?.key, index)
    if (holder !== undefined) {
      report(
        ['control', 'responders', index, 'key'],
        `is the key of control.responders[${holder}] too: with one key one person could sign for two, so each makes their own with "portcullis keygen NAME"`,
      )
    }
  }
}

function taken(
  seen: Map<string, number>,
  name: string | undefined,
  index: number,
): { readonly other?: number | undefined } {
  if (name === undefined) return {}
  const other = seen.get(name)
  if (other === undefined) seen.set(name, index)
  return { other }
}

/** A lock that nobody can release is found when it is too late: whoever is left must be able to. */
function checkApprovals(draft: Draft, now: Instant | undefined, report: Report): void {
  const all = draft.control?.responders
  const approvals = draft.control?.releaseApprovals ?? RELEASE_APPROVALS_MIN
  // Where a role or a date is wrong it is not known who is left.
  if (all === undefined || all.some((each) => each?.role === undefined || isWrong(each, 'retired'))) return
  const active = all.flatMap((each) => (each?.role === undefined || isRetired(each.retired, now) ? [] : [each.role]))
  const signers = active.filter((role) => mayOrder(role, 'release')).length
  const approvers = active.filter((role) => mayOrder(role, 'approve')).length
  if (all.length === 0) return
  if (approvers === 0) {
    const why = 'only a commander can approve a release, so no lock could ever be released'
    report(['control', 'responders'], `has no commander who is not retired: ${why}`)
  } else if (signers < approvals) {
    const what = `a release needs ${approvals} different people, but only ${signers} may sign one`
    report(
      ['control', 'releaseApprovals'],
      `${what}: enrol more responders, or ask for fewer approvals (never below 2)`,
    )
  } else if (approvers < approvals - 1) {
    const what = `a release needs ${approvals - 1} commanders beside the one who proposes it`
    report(['control', 'releaseApprovals'], `${what}, but there ${approvers === 1 ? 'is' : 'are'} ${approvers}`)
  }
}

function isWrong(value: object | undefined, key: string): boolean {
  return value !== undefined && key in value && (value as Record<string, unknown>)[key] === undefined
}

function isRetired(retired: Instant | undefined, now: Instant | undefined): boolean {
  return retired !== undefined && (now === undefined || retired <= now)
}

function checkIssuers(draft: Draft, report: Report): void {
  const byName = new Map<string, number>()
  for (const [index, issuer] of (draft.session?.issuers ?? []).entries()) {
    const at: Path = ['session', 'issuers', index]
    const { other } = taken(byName, issuer?.issuer, index)
    if (other !== undefined)
      report([...at, 'issuer'], `stands twice, the other is session.issuers[${other}]: which keys hold would be chance`)
    const jwks = issuer?.jwks
    if (jwks === undefined) continue
    const said = ['file', 'url'].filter((key) => key in jwks)
    if (said.length !== 1)
      report([...at, 'jwks'], said.length === 0 ? 'must name a file or a url' : 'must name a file or a url, not both')
    const problem = jwks.url === undefined ? undefined : checkJwksUrl(jwks.url)
    if (problem !== undefined) report([...at, 'jwks', 'url'], problem)
  }
}

function checkJwksUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['https:', 'http:'].includes(url.protocol)) {
    return 'must be an https URL, as in https://otp.example.in/jwks.json'
  }
  if (url.username !== '' || url.password !== '') return 'must not hold credentials: a JWK Set is public'
  if (url.protocol === 'https:' || isLoopbackHost(url.hostname)) return undefined
  return 'must be https: over http anybody on the way could put in keys of their own (http is taken on loopback)'
}
