// The responder's page, from this gateway alone: nothing of it comes from elsewhere, and nothing in it runs that was not built.
import type { Request } from 'express'
import type { ConsoleFile } from '../console-files.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import type { Answer, Resource } from '../resource.ts'

/** No inline script or style, no eval, no frame, and no HTML out of a text: what an attacker sent stays text. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ')

/** Relative, so that they hold behind a proxy that serves the control plane under a path of its own. */
export function consoleResources({ console: files }: ControlDeps): readonly Resource[] {
  const to =
    (place: string): Answer =>
    (_request, response) => {
      response.status(302).setHeader('Location', place)
      response.end()
    }
  const file: Answer = (request, response) => {
    const { rest } = request.params
    const path = Array.isArray(rest) ? rest.join('/') : ''
    const found = files?.get(path)
    if (found === undefined) {
      const isBuilt = files !== undefined
      sendProblem(response, 'not-found', isBuilt ? 'the console has no such file' : UNBUILT)
      return
    }
    response.setHeader('Content-Type', found.type)
    response.setHeader('Content-Security-Policy', POLICY)
    response.setHeader('Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=(), usb=()')
    response.setHeader('Vary', 'Accept-Encoding')
    // Their names hold a hash of what they say; the page itself is asked for anew.
    if (path.startsWith('assets/')) response.setHeader('Cache-Control', 'private, max-age=31536000, immutable')
    const [encoding, bytes] = encodedFor(request, found)
    if (encoding !== undefined) response.setHeader('Content-Encoding', encoding)
    response.setHeader('Content-Length', bytes.length)
    response.end(bytes)
  }
  return [
    { path: '/', access: 'open', methods: { GET: to('console/') } },
    { path: '/console', access: 'open', methods: { GET: to('console/') } },
    { path: '/console/', access: 'open', methods: { GET: file } },
    { path: '/console/*rest', access: 'open', methods: { GET: file } },
  ]
}

const UNBUILT = 'the console has not been built: npm run console, and start anew'

function encodedFor(request: Request, file: ConsoleFile): readonly ['br' | 'gzip' | undefined, Buffer] {
  const accepted = request.acceptsEncodings('br', 'gzip', 'identity')
  if (accepted === 'br') return ['br', file.br]
  return accepted === 'gzip' ? ['gzip', file.gzip] : [undefined, file.plain]
}
