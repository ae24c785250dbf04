// The floor on this runtime: node:http answering a 1 KB record by itself, with no proxying at all.
import http from 'node:http'

const body = JSON.stringify({ note: 'x'.repeat(1010) })
http
  .createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    response.end(body)
  })
  .listen(Number(process.argv[2]), '127.0.0.1')
