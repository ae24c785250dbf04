// The API described, for machines and for people: plain pages without a script, a style or anything from elsewhere.
import { OPENAPI } from '../openapi.ts'
import { PROBLEM_TYPE, PROBLEMS, sendProblem } from '../problem.ts'
import { sendJson, type Answer, type Resource } from '../resource.ts'

export function docsResources(): readonly Resource[] {
  const docs = docsPage()
  const openapi: Answer = (_request, response) => {
    sendJson(response, 200, OPENAPI)
  }
  const page: Answer = (_request, response) => {
    sendPage(response, docs)
  }
  const problem: Answer = (request, response) => {
    const { code } = request.params
    const found = Object.entries(PROBLEMS).find(([each]) => each === code)
    if (found === undefined) sendProblem(response, 'not-found', 'there is no such problem')
    else sendPage(response, problemPage(...found))
  }
  return [
    { path: '/openapi.json', access: 'open', methods: { GET: openapi } },
    { path: '/docs', access: 'open', methods: { GET: page } },
    { path: '/docs/problems/:code', access: 'open', methods: { GET: problem } },
  ]
}

function sendPage(response: Parameters<Answer>[1], html: string): void {
  response.setHeader('Content-Type', 'text/html; charset=utf-8')
  response.end(html)
}

function pageOf(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title></head><body><main><h1>${escape(title)}</h1>\n${body}</main></body></html>\n`
}

function docsPage(): string {
  const rows = Object.entries(OPENAPI.paths).flatMap(([path, methods]) =>
    Object.entries(
      methods as Readonly<Record<string, { readonly summary: string; readonly security?: readonly unknown[] }>>,
    ).map(
      ([method, { summary, security }]) =>
        `<tr><td><code>${method.toUpperCase()} ${escape(path)}</code></td><td>${escape(summary)}</td><td>${security === undefined ? 'read token or session' : 'none'}</td></tr>`,
    ),
  )
  const problems = Object.entries(PROBLEMS).map(
    ([code, { status, title }]) => `<li><a href="/docs/problems/${code}">${status} ${code}</a>: ${escape(title)}</li>`,
  )
  return pageOf(
    OPENAPI.info.title,
    `<p>${escape(OPENAPI.info.description)} As a document: <a href="/openapi.json">/openapi.json</a>.</p>
<table><thead><tr><th>Call</th><th>What</th><th>Credential</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
<h2>Problems</h2>
<ul>
${problems.join('\n')}
</ul>
`,
  )
}

function problemPage(code: string, { status, title }: { readonly status: number; readonly title: string }): string {
  return pageOf(
    title,
    `<p>Answered with status ${status} and type <code>${PROBLEM_TYPE}${code}</code>. The member <code>detail</code> says what would be right.</p>\n<p><a href="/docs">All calls and problems</a></p>\n`,
  )
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
