// `portcullis recover`: writes one entry into the journal of a gateway that is stopped, signed by that gateway's own key.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { lockDirectory, type DirectoryLock } from '../adapters/file/directory-lock.ts'
import { openOrderJournal } from '../adapters/file/order-journal.ts'
import { createOrderVerifier } from '../adapters/jose/order-verifier.ts'
import { createClock } from '../adapters/node/clock.ts'
import { createRandomness } from '../adapters/node/randomness.ts'
import { createLogger } from '../adapters/winston/logger.ts'
import type { Config } from '../config/config.ts'
import { processEnvironment } from '../config/process-environment.ts'
import { formatProblems } from '../config/problem.ts'
import { readConfig } from '../config/read-config.ts'
import { isSignedRecovery, recoveryBytes } from '../control/recovery.ts'
import { replayJournal } from '../control/replay-journal.ts'
import { judgeEnrolment } from '../core/judge-people.ts'
import type { RecoveryEntry } from '../core/ledger-entry.ts'
import { ROLES, type Responder } from '../core/responder.ts'
import { respondersOf } from '../core/roster.ts'
import { loadGatewayKey } from './trail.ts'

export interface RecoverOptions {
  readonly configFile: string
  readonly responder: { readonly name: string; readonly role: string; readonly key: string; readonly keyId?: string }
  readonly reason: string
}

type Recovered = { readonly id: string; readonly gateway: string } | { readonly problems: readonly string[] }

/** Refused while the gateway runs: its store is locked. The trail is told at the next start. */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { configFile } = options
  const read = await readConfig(path.resolve(configFile), processEnvironment(), createClock().now())
  if ('problems' in read) return { problems: formatProblems(read.problems, configFile).split('\n') }
  const { dir } = read.config.store
  if (!existsSync(path.join(dir, 'gateway.key')))
    return {
      problems: [`${dir} has no gateway.key: no gateway has run with this store, and its config enrols whom you like`],
    }
  let lock: DirectoryLock | undefined
  try {
    lock = lockDirectory(dir)
    return await write(read.config, options)
  } catch (error) {
    return { problems: [error instanceof Error ? error.message : String(error)] }
  } finally {
    lock?.release()
  }
}

async function write({ store, control }: Config, { responder, reason }: RecoverOptions): Promise<Recovered> {
  const clock = createClock()
  const signer = loadGatewayKey(path.join(store.dir, 'gateway.key'))
  const logger = createLogger({ level: 'warn', now: () => clock.now() })
  const journal = await openOrderJournal({ dir: store.dir, logger })
  try {
    const isRecovered = (entry: RecoveryEntry): boolean => isSignedRecovery(entry, signer.name, signer.publicKeyRaw)
    const ledger = await replayJournal(journal.entries, createOrderVerifier(), isRecovered)
    const known = { responders: respondersOf(control.responders, ledger.roster), approvals: control.releaseApprovals }
    const enrolled = responderOf(responder)
    const refusal = judgeEnrolment({ kind: 'enrol', ...enrolled, reason }, known, clock.now())
    if (refusal !== undefined) return { problems: refusal.problems }
    const id = `recovery-${createRandomness().hex(8)}`
    const words = { id, gateway: signer.name, responder: enrolled, reason, at: clock.now() }
    const signature = Buffer.from(signer.sign(recoveryBytes(words))).toString('base64url')
    await journal.append({ type: 'recovery', ...words, signature })
    return { id, gateway: signer.name }
  } finally {
    await journal.close()
  }
}

function responderOf({ name, role, key, keyId }: RecoverOptions['responder']): Responder {
  const known = ROLES.find((each) => each === role) ?? 'viewer'
  return { name, role: known, key, ...(keyId === undefined ? {} : { keyId }) }
}
