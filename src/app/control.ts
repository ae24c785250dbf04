// The control plane's listener, and what it is told of the rest of the gateway.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createAddresses } from '../adapters/ipaddr/addresses.ts'
import { createPseudonyms } from '../adapters/node/pseudonyms.ts'
import { readConsole } from '../control/console-files.ts'
import type { Pseudonyms } from '../ports/pseudonyms.ts'
import type { DetailDesk } from '../control/control-deps.ts'
import type { Readiness } from '../control/control-deps.ts'
import { createRates, type Rates } from '../control/live/rates.ts'
import { conditionOf, trailProblems } from './condition.ts'
import { createControlServer } from '../control/server.ts'
import type { StatusView } from '../ports/control-api.ts'
import { openControlListener, type ControlListener } from './control-listener.ts'
import type { Notices } from './notices.ts'
import { openPeopleDesk } from './people.ts'
import type { Parts } from './parts.ts'
import { checkpointOf } from './trail.ts'
import type { Watches } from './watches.ts'

export interface Control {
  /** Says by /readyz that no new traffic should come. */
  drain(): void
}

export async function openControl(parts: Parts, watches: Watches, notices: Notices): Promise<Control> {
  const { running, trail } = parts
  let draining = false
  // One, once it is open: the app that it serves is asked for its problems.
  const listeners: ControlListener[] = []
  const problems = (): readonly string[] => [
    ...watches.config.problems,
    ...(watches.locksFile?.problems ?? []),
    ...watches.certificates.problems,
    ...listeners.flatMap((listener) => listener.problems()),
    ...(parts.fleet?.problems() ?? []),
    ...trailProblems(parts),
    ...notices.problems,
    ...parts.trail.evidence.problems,
  ]
  const app = createControlServer({
    desk: parts.desk,
    settings: () => {
      const { control, routes } = running.config
      return {
        routes,
        responders: parts.desk.responders,
        approvals: control.releaseApprovals,
        names: control.names,
        ...(control.readTokenSha256 === undefined ? {} : { readTokenSha256: control.readTokenSha256 }),
        ...(control.alertmanager === undefined ? {} : { alertTokenSha256: control.alertmanager.tokenSha256 }),
      }
    },
    verifier: parts.verifier,
    dataPlane: parts.dataPlane,
    trail: trail.main,
    pseudonyms: createPseudonyms(parts.pseudonymKey),
    pastPseudonyms: othersOf(parts),
    addresses: createAddresses(),
    signer: trail.signer,
    clock: parts.clock,
    randomness: parts.randomness,
    logger: parts.logger,
    gatewayName: trail.gatewayName,
    auditDir: running.config.audit.dir,
    search: parts.trailDesk,
    ...(parts.pool === undefined ? {} : { details: detailDeskOf(parts) }),
    audit: () => auditView(parts),
    problems,
    condition: () => conditionOf(parts),
    ...(parts.fleet === undefined ? {} : { fleet: parts.fleet.parts }),
    readiness: () => readinessOf(parts, draining),
    impact: parts.impact,
    suggestions: notices.suggestions,
    console: readConsole(CONSOLE_DIR),
    ...(parts.pool === undefined ? {} : { live: parts.live, cohorts: parts.cohorts, rates: openRates(parts) }),
    changes: parts.changes,
    people: openPeopleDesk(parts, notices.suggestions),
    metrics: async () => ({
      contentType: parts.meters.registry.contentType,
      body: await parts.meters.registry.render(),
    }),
  })
  const listener = await openControlListener(app, running.config.control, parts)
  listeners.push(listener)
  parts.listening.controlPort = listener.port
  return {
    drain() {
      draining = true
    },
  }
}

/** People were named by other keys before, and the trail still has those names. */
function othersOf({ pseudonymKey, pseudonymKeys }: Parts): readonly Pseudonyms[] {
  return pseudonymKeys.filter(({ id }) => id !== pseudonymKey.id).map((key) => createPseudonyms(key))
}

function detailDeskOf({ running, erasures }: Parts): DetailDesk {
  const { dir } = running.config.audit.details
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const count = new Int32Array(erasures)
  return {
    dir,
    holds: () => running.config.audit.holds,
    forgetKeys: () => {
      Atomics.add(count, 0, 1)
    },
  }
}

/** The same place from the source and from the build. */
const CONSOLE_DIR = fileURLToPath(new URL('../../dist/console', import.meta.url))
const RATES_EVERY_MS = 1000

/** Timers of their own: a page that draws a second must not wait for a look at a disk. */
function openRates({ clock, meters, live, cohorts, changes, cleanUp }: Parts): Rates {
  const rates = createRates(
    clock,
    () => meters.registry.decisions(),
    () => changes.kept,
  )
  const timers = [
    setInterval(() => {
      rates.look()
      cohorts.tick()
    }, RATES_EVERY_MS),
    setInterval(() => {
      live.tick()
    }, RATES_EVERY_MS / 4),
  ]
  for (const timer of timers) timer.unref()
  cleanUp.defer(() => {
    for (const timer of timers) clearInterval(timer)
  })
  return rates
}

function auditView(parts: Parts): StatusView['audit'] {
  const { sealer } = parts.trail
  const checkpoint = checkpointOf(parts.trail)
  return {
    healthy: trailProblems(parts).length === 0,
    size: sealer.size,
    checkpointAgeSeconds: (parts.clock.now() - sealer.checkpointAt) / 1000,
    vkey: sealer.vkey,
    ...(checkpoint === undefined ? {} : { checkpoint }),
  }
}

function hasLease({ pool, fleet }: Parts): boolean {
  const remainingMs = pool?.leaseRemainingMs ?? fleet?.parts.link.leaseRemainingMs
  return remainingMs === undefined || remainingMs > 0
}

function readinessOf(parts: Parts, draining: boolean): Readiness {
  const { pool } = parts
  const trail = trailProblems(parts)
  const checks = {
    config: true,
    locks: hasLease(parts) ? true : 'the lease has run out',
    workers: pool === undefined || pool.workers.some(({ alive }) => alive) ? true : 'no data-plane worker is alive',
    audit: trail.length === 0 ? true : trail.join('; '),
    serving: draining ? 'stopping' : true,
  }
  return { ready: Object.values(checks).every((check) => check === true), checks }
}
