// The peers: nginx and HAProxy as plain proxies, HAProxy doing the same checks, http-proxy as the naive Node gateway; and the upstream behind all.
import { writeFileSync } from 'node:fs'
import path from 'node:path'

/** A record of 1 KB, as a registry would answer. */
const RECORD = JSON.stringify({ ref: '12345678901234', name: 'A B C', yob: '1975', doses: 2, note: 'x'.repeat(930) })

export function upstreamConfig(dir: string, port: number): string {
  return write(
    dir,
    'upstream.conf',
    nginx(
      dir,
      'upstream',
      `server { listen 127.0.0.1:${String(port)}; location / { default_type application/json; return 200 '${RECORD}'; } }`,
      'off',
    ),
  )
}

export function nginxConfig(dir: string, port: number, upstream: number): string {
  const http = `upstream u { server 127.0.0.1:${String(upstream)}; keepalive 256; keepalive_requests 1000000; }
    server { listen 127.0.0.1:${String(port)}; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr; } }`
  return write(dir, 'nginx.conf', nginx(dir, 'nginx', http, `${dir}/nginx.log combined buffer=64k`))
}

function nginx(dir: string, name: string, http: string, log: string): string {
  return `worker_processes 1; daemon off; pid ${dir}/${name}.pid; error_log /dev/null; events { worker_connections 4096; }
  http { access_log ${log}; keepalive_requests 1000000; client_body_temp_path ${dir}/${name}-body; proxy_temp_path ${dir}/${name}-proxy; ${http} }`
}

const HAPROXY_BASE = `global
  nbthread 1
  maxconn 4000
  log 127.0.0.1:5514 local0
defaults
  mode http
  log global
  option httplog
  timeout client 30s
  timeout server 30s
  timeout connect 5s
  http-reuse always
`

export function haproxyPlainConfig(dir: string, port: number, upstream: number): string {
  return write(
    dir,
    'haproxy-plain.cfg',
    `${HAPROXY_BASE}frontend f\n  bind 127.0.0.1:${String(port)}\n  default_backend b\nbackend b\n  server s 127.0.0.1:${String(upstream)}\n`,
  )
}

/** JWT ES256 verified, expiry, a map for locks, a stick table for the rate, a log line: what Portcullis does, less the durable trail. */
export function haproxyChecksConfig(dir: string, port: number, upstream: number, publicKeyPem: string): string {
  const pem = write(dir, 'es256.pem', publicKeyPem)
  const locks = write(dir, 'locks.map', '/locked 1\n')
  return write(
    dir,
    'haproxy-checks.cfg',
    `${HAPROXY_BASE}frontend f
  bind 127.0.0.1:${String(port)}
  http-request return status 503 if { path,map_beg(${locks}) -m found }
  http-request set-var(txn.bearer) http_auth_bearer
  http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.bearer),jwt_verify(txn.alg,"${pem}") -m int 1 }
  http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
  http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
  http-request deny deny_status 401 if { date(),sub(txn.exp) -m int gt 0 }
  stick-table type string len 64 size 1m expire 10m store http_req_rate(10s)
  http-request track-sc0 var(txn.sub)
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 100000000 }
  default_backend b
backend b
  server s 127.0.0.1:${String(upstream)}
`,
  )
}

export function caddyConfig(dir: string, port: number, upstream: number): string {
  return write(
    dir,
    'Caddyfile',
    `{
  admin off
  auto_https off
}
http://127.0.0.1:${String(port)} {
  log {
    output file ${dir}/caddy.log
  }
  reverse_proxy 127.0.0.1:${String(upstream)} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`,
  )
}

function write(dir: string, name: string, text: string): string {
  const file = path.join(dir, name)
  writeFileSync(file, text)
  return file
}
