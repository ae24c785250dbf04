// The drafts as Markdown and as a page that prints. Every text is escaped: some of it came from callers.
import { plain } from '../print.ts'
import type { Facts } from './facts.ts'
import type { Field, Form } from './report.ts'
import { utcAndIst } from './times.ts'

const GAP = 'GAP: the gateway does not know this; to be filled in by a person'
const HEAD = 'A draft out of the audit trail. Nothing has been sent. Gaps are marked, and nothing in it is estimated.'

/** A fleet's other gateways have let through what stands in their own trails: nobody should take these numbers for all. */
function scopeOf({ gateways, fleet }: Facts): string {
  const whose = `It is of one trail, that of ${gateways.join(', ')}`
  return fleet === undefined
    ? `${whose}.`
    : `${whose}, ONE GATEWAY OF THE FLEET ${fleet}: the others have trails of their own, which are not counted here.`
}

const valueOf = ({ value, from }: Field): string =>
  from === 'gap' || value === undefined
    ? GAP
    : `${plain(value)}${from === 'details' ? ' (as told, not from the trail)' : ''}`

/** CommonMark. */
export function toMarkdown(facts: Facts, forms: readonly Form[]): string {
  const safe = (text: string): string => plain(text).replaceAll(/[\\`*_{}[\]<>#|!~]/g, (sign) => `\\${sign}`)
  const lines = [`# Incident ${safe(facts.incident)}`, '', `${HEAD} ${safe(scopeOf(facts))}`, '']
  for (const { title, due, fields } of forms) {
    lines.push(`## ${safe(title)}`, '')
    if (due !== undefined) lines.push(`Due: **${due}**`, '')
    for (const field of fields) lines.push(`- **${safe(field.name)}**: ${safe(valueOf(field))}`)
    lines.push('')
  }
  lines.push('## Timeline', '', '| Time | Record | What |', '| --- | --- | --- |')
  for (const { time, index, what } of facts.timeline) lines.push(`| ${utcAndIst(time)} | ${index} | ${safe(what)} |`)
  return `${lines.join('\n')}\n`
}

const escape = (text: string): string =>
  plain(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const STYLE =
  'body{font:11pt/1.45 system-ui,"Noto Sans",sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}th,td{border:1px solid #777;padding:.3rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}th{width:32%}.gap{background:#fff3b0;font-weight:600}section{break-inside:auto;margin-bottom:2rem}@media print{body{margin:0;max-width:none}section{break-before:page}section:first-of-type{break-before:auto}}'

/** One file, no script, nothing from elsewhere. */
export function toHtml(facts: Facts, forms: readonly Form[]): string {
  const rows = (fields: readonly Field[]): string =>
    fields
      .map(
        (field) =>
          `<tr><th scope="row">${escape(field.name)}</th><td${field.from === 'gap' ? ' class="gap"' : ''}>${escape(valueOf(field))}</td></tr>`,
      )
      .join('\n')
  const sections = forms.map(
    ({ title, due, fields }) =>
      `<section><h2>${escape(title)}</h2>${due === undefined ? '' : `<p>Due: <strong>${escape(due)}</strong></p>`}<table>${rows(fields)}</table></section>`,
  )
  const timeline = facts.timeline.map(
    ({ time, index, what }) => `<tr><td>${escape(utcAndIst(time))}</td><td>${index}</td><td>${escape(what)}</td></tr>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><title>Incident ${escape(facts.incident)}</title><style>${STYLE}</style></head>
<body><h1>Incident ${escape(facts.incident)}</h1><p>${HEAD} ${escape(scopeOf(facts))}</p>
${sections.join('\n')}
<section><h2>Timeline</h2><table><tr><th>Time</th><th>Record</th><th>What</th></tr>
${timeline.join('\n')}
</table></section></body></html>
`
}
