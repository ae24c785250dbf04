// Names of fields as those upstreams read them that make variables of them.

const PLAIN = /^[a-z0-9-]*$/

/**
 * A name in lower case, with whatever is no letter and no digit as `-`: CGI, FastCGI and WSGI make one variable of them all
 * (lighttpd and Apache before 2.4 of `X.Real.IP` and `X~Real~IP` too; Traefik CVE-2026-39858, Caddy GHSA-f59h-q822-g45g).
 */
export function spelledAlike(lower: string): string {
  return PLAIN.test(lower) ? lower : lower.replaceAll(/[^a-z0-9]/g, '-')
}
