// A witness over HTTP: one call, and a page that says which key it signs with.
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'

/** A checkpoint, 63 lines of a proof, and signatures. */
const BODY_BYTES_MAX = 65_536

export interface WitnessServerOptions {
  readonly host: string
  readonly port: number
  /** Its verification key, for GET /. */
  readonly vkey: string
  readonly addCheckpoint: (
    body: string,
  ) => Promise<{ readonly status: number; readonly type: string; readonly body: string }>
  readonly onFailure: (problem: string) => void
}

/** Resolves once it listens, with the port. */
export async function startWitnessServer(
  options: WitnessServerOptions,
): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server: Server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store', connection: 'close' })
      response.end(body)
    }
    if (request.method === 'GET' && request.url === '/') {
      answer(200, `${options.vkey}\n`)
      return
    }
    if (request.method !== 'POST' || request.url !== '/add-checkpoint') {
      answer(404, 'POST /add-checkpoint\n')
      return
    }
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk)
    })
    request.on('end', () => {
      if (bytes > BODY_BYTES_MAX) {
        answer(400, 'longer than any checkpoint\n')
        return
      }
      options.addCheckpoint(Buffer.concat(chunks).toString()).then(
        (given) => {
          answer(given.status, given.body, given.type)
        },
        (error: unknown) => {
          options.onFailure(error instanceof Error ? error.message : String(error))
          answer(500, 'this witness cannot remember the checkpoint, so it signs nothing\n')
        },
      )
    })
  })
  server.listen(options.port, options.host)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: address === null || typeof address === 'string' ? 0 : address.port,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
