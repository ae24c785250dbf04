// The sockets that a data plane's server accepts, as it reads them.
import type { Socket } from 'node:net'
import type { GatewayServer } from '../../src/gateway/server.ts'

/** Calls `take` with each, before anything is read from it. */
export function onAccepted(server: GatewayServer, take: (socket: Socket) => void): void {
  const accept = server.accept.bind(server)
  server.accept = (socket, ...rest) => {
    take(socket as Socket)
    accept(socket, ...rest)
  }
}
