// What must hold when a case is over. The caller's bytes are read anew, narrowly, and held against trail, upstream and answers.
import { readAnswers, type ReadAnswer } from './answer-reading.ts'
import type { Filed, Lane } from './arena.ts'
import type { Heard } from './caller.ts'
import type { Finding, FuzzCase } from './case.ts'
import { valuesOf, type Field } from './message-lines.ts'
import { echoOf, markersOf } from './recording-upstream.ts'
import type { ReadRequest } from './request-reading.ts'

export interface Sent {
  readonly requests: readonly ReadRequest[]
  readonly fault: string | undefined
}

/** `readers`: how many other readings each request that was seen must have had. */
export function judge(one: FuzzCase, sent: Sent, heard: Heard, lane: Lane, readers: number): readonly Finding[] {
  const findings: Finding[] = [...lane.findings]
  const exchanges = [...lane.exchanges.values()]
  const wrong = (rule: string, detail: string): void => void findings.push({ rule, detail })
  if (heard.end === 'never')
    wrong('the connection outlives its caller', JSON.stringify(exchanges.map((each) => each.last)))
  exchanges.forEach((filed, index) => {
    judgeExchange(filed, sent.requests[index], readers, (rule) => {
      const request = sent.requests[index]
      wrong(
        rule,
        `request ${index + 1} (${request === undefined ? `none: ${String(sent.fault)}` : `${request.method} ${request.target}`}), recorded ${JSON.stringify(filed.last)}, seen ${filed.seen.map(echoOf).join()}`,
      )
    })
  })
  if (one.manner !== 'gone') judgeAnswers(one, sent, heard, exchanges, wrong)
  return findings
}

function judgeExchange(
  filed: Filed,
  request: ReadRequest | undefined,
  readers: number,
  wrong: (rule: string) => void,
): void {
  const { last } = filed
  if (!filed.hasOutcome) wrong('an exchange without an outcome')
  if (last.decision !== 'rejected') {
    if (request === undefined) {
      wrong('judged what is no request by a narrow reading')
      return
    }
    if (request.problem !== undefined) wrong(`judged what is no request by a narrow reading: ${request.problem}`)
    if (last.method !== request.method) wrong('another method than was sent')
  }
  const [seen, ...more] = filed.seen
  if (more.length > 0) wrong('seen more than once')
  if (seen === undefined) {
    if (last.decision === 'allow' && last.reason === undefined) wrong('allowed and never seen')
    return
  }
  if (request === undefined) return
  if (seen.agreed !== readers) wrong("not read alike by Node's parsers")
  if (spelled(request.target) !== seen.request.target) wrong('another target than was sent')
  if (seen.request.isComplete && !(request.isComplete && request.body.equals(seen.request.body)))
    wrong('another body than was sent')
  for (const [name, value] of seen.request.fields) {
    if (!OWN.test(name) && !request.fields.some(([each, sent]) => each === name && sent === value))
      wrong(`a field that was not sent: ${name}`)
    if (NEVER.test(name.replaceAll('_', '-')) || (/^upgrade$/i.test(name) && value.toLowerCase() !== 'websocket'))
      wrong(`a field that must not pass: ${name}`)
  }
}

/** What the gateway itself writes. */
const OWN =
  /^(?:host|connection|upgrade|content-length|transfer-encoding|x-forwarded-(?:for|proto|host)|forwarded|x-request-id|traceparent)$/i
/** What would make an upstream see another request than the one that was judged. */
const NEVER =
  /^(?:x-original-|x-rewrite-|x-(?:http-)?method|x-forwarded-(?:prefix|uri|method|path)|te$|trailer$|expect$|proxy|keep-alive$)/i

/** In origin-form, escapes of the path in capitals: the one spelling that goes on. */
function spelled(target: string): string {
  const origin = target.replace(/^https?:\/\/[^/?#]*/i, '').replace(/^(?=\?|$)/, '/')
  const [path = ''] = origin.split('?', 1)
  return path.replaceAll(/%[0-9a-f]{2}/gi, (escape) => escape.toUpperCase()) + origin.slice(path.length)
}

function judgeAnswers(
  one: FuzzCase,
  sent: Sent,
  heard: Heard,
  exchanges: readonly Filed[],
  wrong: (rule: string, detail: string) => void,
): void {
  const idOf = (fields: readonly Field[]): string => valuesOf(fields, 'x-request-id').join()
  const order = new Map(exchanges.map((filed, index) => [filed.id, index]))
  const methodOf = (fields: readonly Field[]): string | undefined =>
    exchanges[order.get(idOf(fields)) ?? -1]?.last.method
  const read = readAnswers(heard.bytes, (fields) => methodOf(fields) === 'HEAD', { ended: heard.end === 'end' })
  const text = (): string => heard.bytes.toString('latin1').slice(0, 4_000)
  if (read.fault !== undefined) wrong(`an answer that is malformed: ${read.fault}`, text())
  let before = -1
  for (const answer of read.answers) {
    const at = order.get(idOf(answer.fields))
    const filed = exchanges[at ?? -1]
    if (at === undefined || filed === undefined) {
      wrong('an answer to nobody', text())
      continue
    }
    if (at <= before) wrong('answers out of order, or one twice', text())
    before = at
    if (answer.isComplete)
      judgeAnswer(answer, filed, sent.requests[at], (rule) => {
        wrong(rule, `${JSON.stringify(filed.last)} ${text()}`)
      })
    else if (one.manner === 'patient' && filed.last.reason === undefined)
      wrong('recorded as whole and cut short', text())
  }
  if (one.manner !== 'patient') return
  const answered = new Set(read.answers.map(({ fields }) => idOf(fields)))
  for (const { id, last } of exchanges) {
    if (!answered.has(id) && last.reason !== 'aborted' && heard.end !== 'reset')
      wrong('an exchange without an answer', `${JSON.stringify(last)} ${text()}`)
  }
}

function judgeAnswer(
  answer: ReadAnswer,
  filed: Filed,
  request: ReadRequest | undefined,
  wrong: (rule: string) => void,
): void {
  const { last, seen } = filed
  if (answer.status !== last.status) wrong(`another status than was recorded: ${answer.status}`)
  const echo = valuesOf(answer.fields, 'x-echo')[0]
  if (last.decision !== 'allow') {
    if (echo !== undefined) wrong('a refusal with an answer of the upstream')
    if (answer.status < 400) wrong('a refusal that reads as a success')
    if (last.method !== 'HEAD' && !answer.body.includes(filed.id)) wrong("a refusal that is another exchange's")
    return
  }
  const [own] = seen
  if (own === undefined || echo === undefined) {
    if (answer.status < 400) wrong('a success that the upstream did not give')
    return
  }
  const text = Buffer.from(echo, 'base64').toString('latin1')
  if (text !== echoOf(own)) wrong("another exchange's answer")
  if (last.method !== 'HEAD' && answer.status === 200 && answer.body.toString('latin1') !== text)
    wrong("another exchange's body")
  const [, markers] = JSON.parse(text) as readonly string[]
  // A marker that Connection names is the caller's own hop's, and stays behind.
  if (request !== undefined && markers !== '' && markers !== markersOf(request)) wrong("another caller's marker")
}
