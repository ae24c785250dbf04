// Sees that an address is free before anything is started for it: with shared ports a second gateway would join in silence.
import { rmSync } from 'node:fs'
import net from 'node:net'

type Listen = { readonly host: string; readonly port: number } | { readonly path: string }

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another process',
  EACCES: 'may not be used by this one (permission denied)',
  EADDRNOTAVAIL: 'is no address of this machine',
  ENOTFOUND: 'is no address of this machine',
}

/**
 * Binds the address without sharing it, and lets it go again. Resolves with the address, a port 0 replaced by one that is
 * free. Rejects with an Error of one line that names `key` and the address. A unix socket that nobody answers is removed.
 */
export async function claimListen(key: string, listen: Listen): Promise<Listen> {
  const shown =
    'path' in listen ? listen.path : `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
  if ('path' in listen && !(await isAnswered(listen.path))) rmSync(listen.path, { force: true })
  const server = net.createServer()
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen({ ...listen, exclusive: true }, resolve)
    })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    throw new Error(`${key}: ${shown} ${REASONS[code] ?? `cannot be listened on (${code})`}`, { cause: error })
  }
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return 'path' in listen || typeof address === 'string' || address === null
    ? listen
    : { ...listen, port: address.port }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      resolve(false)
    })
  })
}
