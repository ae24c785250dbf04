// The demo's SMS provider: takes the codes of the gateway's own by signed webhook, and the terminal of `npm start` is the phone.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { maskMobile } from './identifiers.ts'

const bodyMax = 4096
/** How old a message may be, as the Standard Webhooks advise. */
const ageMaxMs = 300_000

export type SmsWebhook = { url: string; close(): Promise<void> }

/** Listens on a loopback port of its own. What is not signed with `secret`, or comes twice, is not printed. */
export async function openSmsWebhook(secret: string, print: (line: string) => void): Promise<SmsWebhook> {
  const printed = new Set<string>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= bodyMax) chunks.push(chunk)
    })
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString()
      const isSigned = size <= bodyMax && holds(request, body, secret)
      const id = String(request.headers['webhook-id'])
      if (isSigned && !printed.has(id)) {
        printed.add(id)
        const { number, code } = JSON.parse(body) as { number: string; code: string }
        print(`SMS to ${maskMobile(number)}: Your code is ${code}. It is good for three minutes.`)
      }
      response.writeHead(isSigned ? 204 : 401).end()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/otp`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

/** Standard Webhooks: HMAC-SHA-256 of id, time and body. */
function holds({ headers }: IncomingMessage, body: string, secret: string): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = headers
  const wanted = Buffer.from(
    `v1,${createHmac('sha256', secret)
      .update(`${String(id)}.${String(at)}.${body}`)
      .digest('base64')}`,
  )
  const given = Buffer.from(String(signature))
  const isRecent = Math.abs(Date.now() - Number(at) * 1000) <= ageMaxMs
  return isRecent && given.length === wanted.length && timingSafeEqual(given, wanted)
}
