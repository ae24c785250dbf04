// Rules across the keys of one-time passwords: what judges answers and numbers, and the gateway's own codes.
import { isWithin, type Places } from './places.ts'
import type { Report } from './check-routes.ts'
import { OWN_IDS, OWN_PATHS } from './build-otp.ts'
import { DEFAULTS } from './defaults.ts'
import type { Draft } from './draft.ts'
import { findEffective, sessionPolicyOf, type Effective, type RouteDraft } from './effective.ts'
import { quote } from './problem.ts'

export function checkOtp(draft: Draft, places: Places, report: Report): void {
  for (const [index, route] of (draft.routes ?? []).entries()) {
    if (route === undefined) continue
    checkOwnNames(route, index, report)
    checkJudged(draft, route, index, report)
  }
  checkDesk(draft, report)
  checkOtpFiles(draft, places, report)
}

/** Nobody else answers there. */
function checkOwnNames({ id, path }: RouteDraft, index: number, report: Report): void {
  if (id?.startsWith(OWN_IDS) === true)
    report(['routes', index, 'id'], `names that begin with ${OWN_IDS} are the gateway's own: give it another`)
  if (path === OWN_PATHS || path?.toLowerCase().startsWith(`${OWN_PATHS}/`) === true)
    report(['routes', index, 'path'], `paths below ${OWN_PATHS} are the gateway's own, and no upstream answers there`)
}

function checkJudged(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  const session = findEffective(draft, route, index, 'session')
  const response = findEffective(draft, route, index, 'response')
  const { level, number } = sessionPolicyOf(session.value ?? DEFAULTS.route.session)
  const name = route.id === undefined ? `routes[${index}]` : `the route ${quote(route.id)}`
  if (number !== undefined && level === 'none')
    report([...session.path, 'number'], 'is judged by the session, but the level is none: set level: required', true)
  checkResponse(response, level, name, report)
  const numbers = [...(number === undefined ? [] : [session]), ...(response.value?.number?.length ? [response] : [])]
  for (const { path } of numbers)
    if (!hasNumbers(draft))
      report(
        [...path, 'number'],
        'nobody says which number an OTP went to: name the claim in session.issuers[].otp.number, or let the gateway give the codes (otp)',
        true,
      )
  checkBodySources(draft, route, index, report)
}

function checkResponse(
  { value, path }: Effective<RouteDraft['response']>,
  level: string,
  name: string,
  report: Report,
): void {
  if (value === undefined) return
  const { owner, number, subjects } = value
  const isJudged = Object.keys(owner ?? {}).length > 0 || (number?.length ?? 0) > 0
  if (!isJudged && (subjects?.length ?? 0) === 0)
    report(path, 'says nothing of the answer: name owner, number or subjects, or leave response out')
  if (isJudged && level !== 'required')
    report(path, `judges the answer by the session, but ${name} does not ask for one: set session: { level: required }`)
}

function hasNumbers({ otp, session }: Draft): boolean {
  return otp !== undefined || (session?.issuers ?? []).some((issuer) => issuer?.otp?.number !== undefined)
}

function checkBodySources(draft: Draft, route: RouteDraft, index: number, report: Report): void {
  const methods = findEffective(draft, route, index, 'methods').value ?? []
  if (methods.length === 0 || methods.some((method) => method !== 'GET' && method !== 'HEAD')) return
  const session = findEffective(draft, route, index, 'session')
  const said = session.value
  const bound = typeof said === 'object' ? [...Object.keys(said.bind ?? {}), said.number ?? ''] : []
  const subjects = findEffective(draft, route, index, 'subjects')
  const what = 'reads the body, but a GET has none: take another method, or another place'
  if (bound.some((source) => source.startsWith('body.'))) report(session.path, what)
  if (subjects.value?.some((source) => source?.startsWith('body.')) === true) report(subjects.path, what)
}

function checkDesk({ otp, session, store }: Draft, report: Report): void {
  if (otp === undefined) return
  if (!('webhook' in otp) && !('totp' in otp)) report(['otp'], 'delivers no code: name a webhook, or totp, or both')
  const other = (session?.issuers ?? []).findIndex(
    (issuer) => issuer?.issuer !== undefined && issuer.issuer === otp.issuer,
  )
  if (other !== -1)
    report(['otp', 'issuer'], `is the issuer of session.issuers[${other}] too: the gateway is one of its own`)
  if (otp.session !== undefined && otp.rotate !== undefined && otp.session > otp.rotate)
    report(['otp', 'session'], 'is longer than otp.rotate: its key would be gone before it')
  if (store?.kind === 'redis' && !('keyFile' in otp))
    report(
      ['otp'],
      "needs keyFile with Redis: the gateways of a fleet take each other's codes and sessions by one secret",
    )
}

function checkOtpFiles({ otp }: Draft, places: Places, report: Report): void {
  const files = [
    [otp?.keyFile, ['otp', 'keyFile']],
    [otp?.webhook?.secretFile, ['otp', 'webhook', 'secretFile']],
    [otp?.totp?.file, ['otp', 'totp', 'file']],
  ] as const
  for (const [file, path] of files) {
    if (file !== undefined && isWithin(places.resolve(file), places.auditDir))
      report(path, 'lies in audit.dir, where every byte of every file is covered by the trail: put it elsewhere')
  }
}
