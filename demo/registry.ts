// The sample upstream: a citizen registry with the shape of the real platform and generated citizens, for the demo.
// Run it alone: node demo/registry.ts --port 9000 --sms-port 9001 --jwks jwks.json
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import type { JSONWebKeySet, JWK } from 'jose'
import { createEndpoints } from './endpoints.ts'
import { maskMobile } from './identifiers.ts'
import { createOtpDesk } from './otp-desk.ts'
import { createPopulation } from './population.ts'
import { createRouter } from './router.ts'
import { openSmsTray } from './sms-tray.ts'
import { createTokenDesk } from './tokens.ts'

export type RegistryOptions = {
  /** 0: any free port. */
  port: number
  host?: string
  /** The same seed gives the same citizens. */
  seed?: number
  /** A private P-256 JWK, so that sessions survive a restart of the registry; a fresh key when absent. */
  signingKey?: JWK
  /** The port of the SMS tray, on the loopback address; 0: any. */
  smsPort?: number
  /** Hears each code as it is sent, with the number masked. */
  log?: (line: string) => void
  now?: () => number
  /** Milliseconds between the 64 pieces of a certificate, and between two slot events. */
  certificatePaceMs?: number
  eventPaceMs?: number
}
export type RegistryStats = { citizens: number; requests: number; otpSent: number; byOperation: Record<string, number> }
export type Registry = {
  url: string
  port: number
  jwks: JSONWebKeySet
  /** Where phones fetch their messages: `GET {smsUrl}/inbox/{mobile}`. */
  smsUrl: string
  stats: RegistryStats
  /** Cuts what is open and frees both ports. */
  close(): Promise<void>
}

/** Starts the registry. Resolves when both ports listen; rejects when one of them is taken. */
export async function startRegistry(options: RegistryOptions): Promise<Registry> {
  const now = options.now ?? Date.now
  const population = createPopulation(options.seed ?? 1)
  const stats: RegistryStats = { citizens: population.citizens.size, requests: 0, otpSent: 0, byOperation: {} }
  const tokens = await createTokenDesk(now, options.signingKey)
  const tray = await openSmsTray(options.smsPort ?? 0)
  const otp = createOtpDesk((mobile, code) => {
    stats.otpSent++
    const text = `Your code is ${code}. It is good for three minutes.`
    options.log?.(`SMS to ${maskMobile(mobile)}: ${text}`)
    // No phone in the demo has a number that is not registered: such a message is sent, and nobody reads it.
    if (population.households.has(mobile)) tray.put(mobile, text)
  }, now)
  const pace = { certificatePaceMs: options.certificatePaceMs ?? 20, eventPaceMs: options.eventPaceMs ?? 1000 }
  const endpoints = createEndpoints({ population, otp, tokens, now, ...pace })
  const server = createServer(
    createRouter(endpoints, (operation) => {
      stats.requests++
      stats.byOperation[operation] = (stats.byOperation[operation] ?? 0) + 1
    }),
  )
  const host = options.host ?? '127.0.0.1'
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(options.port, host, resolve)
    })
  } catch (error) {
    await tray.close()
    throw error
  }
  const { port } = server.address() as AddressInfo

  const close = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await Promise.all([closed, tray.close()])
  }
  return { url: `http://${host}:${String(port)}`, port, jwks: tokens.jwks, smsUrl: tray.url, stats, close }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '9000' },
      'sms-port': { type: 'string', default: '9001' },
      seed: { type: 'string', default: '1' },
      jwks: { type: 'string' },
    },
  })
  const registry = await startRegistry({
    port: Number(values.port),
    smsPort: Number(values['sms-port']),
    seed: Number(values.seed),
    log: console.log,
  })
  if (values.jwks !== undefined) writeFileSync(values.jwks, `${JSON.stringify(registry.jwks, null, 2)}\n`)
  console.log(
    `registry ${registry.url} with ${String(registry.stats.citizens)} generated citizens, SMS ${registry.smsUrl}`,
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void registry.close())
}

if (import.meta.main) await main()
