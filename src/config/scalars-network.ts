// The kinds of values that say where something is: origins, sockets, names of hosts, paths that are asked for.
import { isIP } from 'node:net'
import { parseListen } from './listen.ts'
import { quote } from './problem.ts'
import { list, parsed, whole } from './scalars.ts'

type Parsed = string | { readonly problem: string }

/** Messages never repeat what was given: it may hold credentials. */
function parseOrigin(value: string): Parsed {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(value)?.[1]?.toLowerCase()
  if (scheme === undefined) return { problem: 'is no URL: write it with its scheme, as in http://127.0.0.1:9000' }
  if (scheme !== 'http' && scheme !== 'https')
    return { problem: `the scheme must be http or https, not ${quote(scheme)}${socketHint(scheme)}` }
  if (/^[^/]+:\/\/[^/?#]*@/.test(value))
    return {
      problem: 'must not hold credentials: they would end in logs; give the upstream another way to know the gateway',
    }
  if (/^[^/]+:\/\/[^/?#]*[/?#]./.test(value) || /[?#]/.test(value)) {
    return {
      problem:
        'must be scheme, host and port alone, with no path or query: the request target is forwarded exactly as it was authorised',
    }
  }
  const url = /^[^\s\\%]+$/.test(value) && URL.canParse(value) ? new URL(value) : undefined
  if (url === undefined || url.hostname === '' || url.port === '0')
    return { problem: 'is no URL of a host and port: write it as http://127.0.0.1:9000' }
  return url.origin
}

function socketHint(scheme: string): string {
  return scheme.includes('unix') ? '; a socket is written unix:/run/app.sock' : ''
}

/** An upstream's origin: scheme, host and port. */
export const origin = parsed<string>('must be the URL of an upstream, as in http://127.0.0.1:9000', parseOrigin)

/** An origin, or `unix:` and the path of a socket, relative paths as they were written. */
export const target = parsed<string>(
  'must be the URL of an upstream, as in http://127.0.0.1:9000, or unix:/run/app.sock',
  (value): Parsed => {
    if (!value.startsWith('unix:')) return parseOrigin(value)
    if (value.startsWith('unix://')) return { problem: 'names a socket with one slash: write unix:/run/app.sock' }
    const socket = parseListen(value)
    return 'problem' in socket ? { problem: socket.problem.replace('portcullis.sock', 'app.sock') } : value
  },
)

const LABELS = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9](?:[a-z0-9_-]{0,62}))*$/

function isName(text: string): boolean {
  return LABELS.test(text) && !/(?:^|\.)\d+$/.test(text)
}

/** A DNS name or an IP address without a port, in lower case: what a certificate may stand for. */
export const hostName = parsed<string>(
  'must be the name of a host as its certificate has it, as in registry.internal',
  (value): Parsed => {
    const name = value.toLowerCase()
    if (isName(name) || isIP(name) !== 0) return name
    return { problem: `${quote(value)} is no host name: write it without scheme and port, as in registry.internal` }
  },
)

/** A name by which the control plane is asked, with or without a port, in lower case. */
export const controlName = parsed<string>(
  'must be a host name, as in portcullis.ops.svc or portcullis.example.in:9443',
  (value): Parsed => {
    const found = /^(\[[0-9a-f:.]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(value.toLowerCase())
    const host = found?.[1] ?? ''
    const bare = host.replace(/^\[(.*)\]$/, '$1')
    if (value.includes('*'))
      return { problem: 'names each host by itself: a page under any name that * fits could ask in its place' }
    if (Number(found?.[2] ?? 1) > 65_535) return { problem: `port ${found?.[2] ?? ''} is above 65535` }
    if (isName(host) || isIP(bare) === (host === bare ? 4 : 6)) return value.toLowerCase()
    return { problem: `${quote(value)} is no host name: write it without scheme and path, as in portcullis.ops.svc` }
  },
)

/** A path and query that a health check asks for, as it goes over the network. */
export const askedPath = parsed<string>('must be a path, as in /healthz', (value): Parsed => {
  if (!value.startsWith('/')) return { problem: 'begins with a slash, as in /healthz' }
  if (/^[\u0021-\u007e]+$/.test(value) && !/[#\\"<>^`{|}]/.test(value)) return value
  return { problem: 'has a character that no request line can carry: write it percent-encoded, as in /health%20check' }
})

export const statuses = list(whole(200, 599), 'must be a list of status codes, as in [200, 204]').min(1, {
  error: 'must name at least one status code, as in [200]',
})
