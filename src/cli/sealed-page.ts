// The printed page of a sealed order: what it is, until when it holds, the code, the text, and how it is used at 3 a.m.
import type { Instant } from '../core/time.ts'
import { bothTimes } from './moments.ts'

export interface SealedPage {
  readonly jws: string
  readonly id: string
  readonly kid: string
  readonly reason: string
  readonly incident: string
  readonly from: Instant
  readonly until: Instant
  readonly fleet?: string | undefined
  /** The code as SVG. */
  readonly svg: string
  readonly file: string
}

/** One file that needs nothing else: no script, no font, no address that is looked up. */
export function sealedPage(page: SealedPage): string {
  const { jws, id, kid, reason, incident, from, until, fleet, svg, file } = page
  const facts = [
    ['Signed by', kid],
    ['Holds from', bothTimes(from)],
    ['Holds until', bothTimes(until)],
    ['Fleet', fleet ?? 'any gateway that knows the signer'],
    ['Reason', reason],
    ['Incident', incident],
    ['Order', id],
  ] as const
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Sealed freeze</title>
<style>
  @page { margin: 16mm }
  body { font: 11pt/1.45 system-ui, sans-serif; max-width: 178mm; margin: 0 auto; color: #000; background: #fff }
  h1 { font-size: 20pt; border: 1.5mm solid #000; padding: 3mm 5mm; text-align: center }
  .code { width: 88mm; margin: 4mm auto; display: block }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: 1mm 5mm }
  dt { font-weight: 600 } dd { margin: 0; overflow-wrap: anywhere }
  pre { font: 8pt/1.35 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; border: .3mm solid #000; padding: 2mm }
  code { font: 9pt ui-monospace, monospace }
</style>
</head>
<body>
<h1>SEALED FREEZE: whoever uses this page locks every API</h1>
<div class="code">${svg}</div>
<dl>
${facts.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('\n')}
</dl>
<p>It works once, at any one gateway, which passes it on. It needs no login, no Redis and no other person. It cannot be taken back by this page:
what it locks is released by two people.</p>
<ol>
<li><b>By file:</b> put the text below into a file <code>${escaped(file)}</code> in the folder <code>orders</code> of a gateway's store directory.</li>
<li><b>By network:</b> <code>curl -d '{"order":"TEXT"}' -H 'content-type: application/json' https://GATEWAY:9080/api/v1/orders</code></li>
<li><b>By phone:</b> scan the code, and send the text by either of these ways.</li>
</ol>
<pre>${escaped(jws)}</pre>
<p>Keep it as you keep a key: in an envelope, in a safe. To make it worthless before its time, retire the key that signed it.</p>
</body>
</html>
`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
