// A control plane's refusal (RFC 9457 problem) as lines for a person.
import type { Answered } from './exchange.ts'
import { bothTimes } from './moments.ts'
import { numberField, textField, textsField } from './views.ts'

/** One line for each thing that is wrong; the gateway's own words, after where they come from. */
export function refusalLines(answer: Answered): readonly string[] {
  const { control, status, body } = answer
  const title = textField(body, 'title')
  const problems = textsField(body, 'problems') ?? []
  const detail = textField(body, 'detail')
  const said = problems.length > 0 ? problems : [detail ?? title ?? 'no reason was given']
  const where = `${control} refuses (${status}${title === undefined || said.includes(title) ? '' : ` ${title}`})`
  const now = numberField(body, 'now')
  const clock = now === undefined ? [] : [`its clock says ${bothTimes(now * 1000)}: compare this machine's`]
  return [...said.map((line) => `${where}: ${line}`), ...clock]
}
