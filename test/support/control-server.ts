// The control plane's HTTP side over a desk of memory fakes.
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { createHash } from 'node:crypto'
import type { Express } from 'express'
import { createAddresses } from '../../src/adapters/ipaddr/addresses.ts'
import { createOrderVerifier } from '../../src/adapters/jose/order-verifier.ts'
import type { ControlDeps, ControlSettings } from '../../src/control/control-deps.ts'
import { createControlServer } from '../../src/control/server.ts'
import { createRig, type Rig, type RigOptions } from './control-desk.ts'
import { createFakeRandomness } from './control-ports.ts'

export const READ_TOKEN = 'read-token-of-the-tests'
export const AUTHORIZED = { authorization: `Bearer ${READ_TOKEN}` }

export interface ServerRig {
  readonly rig: Rig
  readonly app: Express
  readonly deps: ControlDeps
  readonly settings: { -readonly [Key in keyof ControlSettings]: ControlSettings[Key] }
  /** Verifies certificates. */
  readonly publicKey: KeyObject
}

export async function createServerRig(options: RigOptions & Partial<ControlDeps> = {}): Promise<ServerRig> {
  const rig = await createRig(options)
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const settings = {
    ...rig.settings,
    names: [] as readonly string[],
    readTokenSha256: createHash('sha256').update(READ_TOKEN).digest('hex'),
  }
  const { clock, trail, dataPlane, logger, desk } = rig
  const deps: ControlDeps = {
    desk,
    clock,
    trail,
    dataPlane,
    logger,
    settings: () => settings,
    verifier: createOrderVerifier(),
    pseudonyms: {
      of: (kind, value) => `k1.${createHash('sha256').update(`${kind} ${value}`).digest('base64url').slice(0, 22)}`,
    },
    addresses: createAddresses(),
    signer: { name: 'gw-1', publicKeyRaw: new Uint8Array(32), sign: (bytes) => sign(null, bytes, privateKey) },
    randomness: createFakeRandomness(),
    gatewayName: 'gw-1',
    auditDir: '/nowhere',
    search: {
      page: () => Promise.reject(new Error('no trail')),
      whose: () => Promise.reject(new Error('no trail')),
      people: () => Promise.reject(new Error('no trail')),
      mergePeople: () => Promise.reject(new Error('no trail')),
      sessions: () => Promise.reject(new Error('no trail')),
    },
    audit: () => ({ healthy: true, size: 7, checkpointAgeSeconds: 0.5, vkey: 'gw-1+00000000+AAAA' }),
    problems: () => [],
    readiness: () => ({ ready: true, checks: { config: true, locks: true, audit: true } }),
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'portcullis_frozen 0\n' }),
    ...options,
  }
  return { rig, app: createControlServer(deps), deps, settings, publicKey }
}
