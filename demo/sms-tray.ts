// The demo's telephone network: a tray on a loopback port of its own, from which each phone takes its messages.
// The gateway never sees it, as a real gateway never sees the text messages that carry the codes.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const messagesKept = 20

export type SmsTray = { url: string; put(mobile: string, text: string): void; close(): Promise<void> }

/**
 * Opens a tray at `port` (0: any) of the loopback address. `GET /inbox/{mobile}` answers `{ "messages": [text, ...] }`,
 * the oldest first, and empties that inbox. Rejects when the port is taken.
 */
export async function openSmsTray(port: number): Promise<SmsTray> {
  const inboxes = new Map<string, string[]>()
  const server = createServer((request, response) => {
    const mobile = /^\/inbox\/(\d{10})$/.exec(request.url ?? '')?.[1]
    if (mobile === undefined || request.method !== 'GET') {
      response.writeHead(404).end()
      return
    }
    const messages = inboxes.get(mobile) ?? []
    inboxes.delete(mobile)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ messages }))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    put: (mobile, text) => void inboxes.set(mobile, [...(inboxes.get(mobile) ?? []), text].slice(-messagesKept)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}
