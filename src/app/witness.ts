// `portcullis witness`: remembers the trails of gateways elsewhere, and refuses a second history of any of them.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { lockDirectory } from '../adapters/file/directory-lock.ts'
import { createClock } from '../adapters/node/clock.ts'
import { loadSigner } from '../adapters/node/signer.ts'
import { startWitnessServer } from '../adapters/node/witness-server.ts'
import { createWitnessKey, formatWitnessKey } from '../audit/cosignature.ts'
import { nodeFiles } from '../audit/files.ts'
import { parseVkey, type Vkey } from '../audit/note.ts'
import { createWitness } from '../audit/witness.ts'

export interface WitnessCommand {
  readonly dir: string
  readonly name: string
  readonly host: string
  readonly port: number
  /** Verification keys of the logs that it witnesses. */
  readonly logs: readonly string[]
  /** Called once it listens. */
  readonly onReady: (facts: { readonly vkey: string; readonly port: number }) => void
  readonly onFailure: (problem: string) => void
}

/** Resolves with its problems, or once it was told to stop by a signal. */
export async function runWitness(command: WitnessCommand): Promise<readonly string[]> {
  const logs: Vkey[] = []
  for (const each of command.logs) {
    const vkey = parseVkey(each)
    if ('problem' in vkey) return [`--log ${each}: ${vkey.problem}`]
    logs.push(vkey)
  }
  const dir = path.resolve(command.dir)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const lock = lockDirectory(dir)
  try {
    const signer = loadSigner(path.join(dir, 'witness.key'), command.name)
    const clock = createClock()
    const witness = createWitness({ files: nodeFiles, dir, signer, logs, now: () => clock.now() })
    const vkey = formatWitnessKey(createWitnessKey(signer.name, signer.publicKeyRaw))
    const server = await startWitnessServer({ ...command, vkey, addCheckpoint: (body) => witness.addCheckpoint(body) })
    command.onReady({ vkey, port: server.port })
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const)
        process.once(signal, () => {
          resolve()
        })
    })
    await server.close()
    return []
  } finally {
    lock.release()
  }
}
