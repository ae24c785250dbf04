// http-proxy 1.18.1 with keep-alive, the naive Node gateway: a peer in the bench, never in the product (see docs/decisions).
import http from 'node:http'
import httpProxy from 'http-proxy'

const [port, upstream] = process.argv.slice(2).map(Number)
const proxy = httpProxy.createProxyServer({
  target: `http://127.0.0.1:${upstream}`,
  agent: new http.Agent({ keepAlive: true, maxSockets: 256 }),
  xfwd: true,
})
proxy.on('error', (_error, _request, response) => response.writeHead(502).end())
http.createServer((request, response) => proxy.web(request, response)).listen(port, '127.0.0.1')
