// The control plane's listener, and what it is told of the rest of the gateway.
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { readFileSync } from 'node:fs'
import { createAddresses } from '../adapters/ipaddr/addresses.ts'
import { claimListen } from '../adapters/node/claim-listen.ts'
import { createPseudonyms } from '../adapters/node/pseudonyms.ts'
import type { ControlConfig } from '../config/config.ts'
import type { Readiness } from '../control/control-deps.ts'
import { CONTROL_SERVER_OPTIONS, createControlServer } from '../control/server.ts'
import type { Parts } from './parts.ts'
import type { Watches } from './watches.ts'

export interface Control {
  /** Says by /readyz that no new traffic should come. */
  drain(): void
}

export async function openControl(parts: Parts, watches: Watches): Promise<Control> {
  const { running, trail, cleanUp } = parts
  let draining = false
  const problems = (): readonly string[] => [
    ...watches.config.problems,
    ...(watches.locksFile?.problems ?? []),
    ...trailProblems(parts),
  ]
  const app = createControlServer({
    desk: parts.desk,
    settings: () => {
      const { control, routes } = running.config
      return {
        routes,
        responders: parts.desk.responders,
        approvals: control.releaseApprovals,
        names: [],
        ...(control.readTokenSha256 === undefined ? {} : { readTokenSha256: control.readTokenSha256 }),
      }
    },
    verifier: parts.verifier,
    dataPlane: parts.dataPlane,
    trail: trail.main,
    pseudonyms: createPseudonyms(parts.pseudonymKey),
    addresses: createAddresses(),
    signer: trail.signer,
    clock: parts.clock,
    randomness: parts.randomness,
    logger: parts.logger,
    gatewayName: trail.gatewayName,
    auditDir: running.config.audit.dir,
    audit: () => ({
      healthy: trailProblems(parts).length === 0,
      size: trail.sealer.size,
      checkpointAgeSeconds: (parts.clock.now() - trail.sealer.checkpointAt) / 1000,
      vkey: trail.sealer.vkey,
    }),
    problems,
    readiness: () => readinessOf(parts, draining),
    metrics: async () => ({
      contentType: parts.meters.registry.contentType,
      body: await parts.meters.registry.render(),
    }),
  })
  const server = await listen(app, running.config.control)
  cleanUp.defer(() => close(server))
  return {
    drain() {
      draining = true
    },
  }
}

function trailProblems({ trail, pool }: Parts): readonly string[] {
  return [...trail.problems(), ...(pool?.trailProblems ?? []).map((problem) => `audit trail: ${problem}`)]
}

function readinessOf(parts: Parts, draining: boolean): Readiness {
  const { pool } = parts
  const trail = trailProblems(parts)
  const checks = {
    config: true,
    locks: pool === undefined || pool.leaseRemainingMs > 0 ? true : 'the lease has run out',
    workers: pool === undefined || pool.workers.some(({ alive }) => alive) ? true : 'no data-plane worker is alive',
    audit: trail.length === 0 ? true : trail.join('; '),
    serving: draining ? 'stopping' : true,
  }
  return { ready: Object.values(checks).every((check) => check === true), checks }
}

async function listen(app: RequestListener, control: ControlConfig): Promise<Server> {
  const address = await claimListen('control.listen', control.listen)
  const server =
    control.tls === undefined
      ? createServer(CONTROL_SERVER_OPTIONS, app)
      : createTlsServer(
          {
            ...CONTROL_SERVER_OPTIONS,
            cert: readFileSync(control.tls.cert),
            key: readFileSync(control.tls.key),
            minVersion: 'TLSv1.2',
          },
          app,
        )
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(address, resolve)
  })
  return server
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}
