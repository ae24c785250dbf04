// A worker's listener: on an address that several may share, or at a path that one has for itself.
import type net from 'node:net'
import type { Listen } from '../config/config.ts'

export function listen(server: net.Server, to: Listen, reusePort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const options = 'path' in to ? { path: to.path } : { host: to.host, port: to.port, reusePort }
    server.listen({ ...options, backlog: 4096 }, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}
