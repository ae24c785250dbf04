// Shows each new checkpoint to the witnesses, and puts what they sign into it.
import path from 'node:path'
import { addCheckpoint } from '../adapters/node/witness-client.ts'
import { parseWitnessKey, readCosignature, type WitnessKey } from '../audit/cosignature.ts'
import { nodeFiles, replaceFile } from '../audit/files.ts'
import { createConsistencyProof } from '../audit/merkle.ts'
import type { Sealer } from '../audit/sealer.ts'
import { createTileReader } from '../audit/tile-reader.ts'
import type { Config } from '../config/config.ts'
import type { Clock } from '../ports/clock.ts'
import type { Logger } from '../ports/logger.ts'

export interface WitnessWatch {
  /** Asks each witness that has not been asked already; resolves once those have answered, or failed to. */
  look(): Promise<void>
  /** Since when there is something that the witness has not signed, in seconds; 0 where there is nothing. By place in the config. */
  readonly lags: readonly number[]
  readonly problems: readonly string[]
}

interface Watched {
  readonly url: string
  readonly key: WitnessKey
  /** What it has signed last, as far as we know. */
  size: number
  /** Since when there is more; undefined where there is not. */
  behindSince: number | undefined
  problem: string | undefined
  /** One that hangs is not asked again, and keeps nobody from asking the others. */
  isAsked: boolean
}

export interface WitnessWatchDeps {
  readonly config: {
    readonly audit: Pick<Config['audit'], 'witnesses' | 'dir' | 'clock'>
    readonly store: Pick<Config['store'], 'dir'>
  }
  readonly sealer: Sealer
  readonly clock: Clock
  readonly logger: Logger
}

/** Beyond this many lines a proof between two sizes is of no tree. */
const TRIES = 3

export function createWitnessWatch({ config, sealer, clock, logger }: WitnessWatchDeps): WitnessWatch {
  const { witnesses, dir } = config.audit
  const watched: readonly Watched[] = witnesses.map(({ url, key }) => {
    const parsed = parseWitnessKey(key)
    if ('problem' in parsed) throw new Error(`audit.witnesses: ${parsed.problem}`)
    return { url, key: parsed, size: 0, behindSince: undefined, problem: undefined, isAsked: false }
  })
  let witnessed = { size: 0, text: '', note: '' }
  /** The newest checkpoint that a witness has signed, with all of its signatures; also where the trail has gone on meanwhile. */
  const keep = async (note: string, line: string): Promise<void> => {
    const isInPlace = await sealer.cosign(note, line)
    const [, size = ''] = note.split('\n')
    const text = note.slice(0, note.indexOf('\n\n'))
    if (Number(size) < witnessed.size) return
    const signed = text === witnessed.text ? `${witnessed.note}${line}` : `${note}${line}`
    witnessed = { size: Number(size), text, note: isInPlace ? sealer.checkpoint : signed }
    await replaceFile(nodeFiles, path.join(config.store.dir, 'checkpoint.witnessed'), Buffer.from(witnessed.note))
  }
  const show = async (witness: Watched): Promise<void> => {
    const note = sealer.checkpoint
    if (witness.isAsked || sealer.size <= witness.size) return
    witness.behindSince ??= clock.now()
    const before = witness.problem
    witness.isAsked = true
    try {
      const line = await askForCosignature(witness, note, dir)
      witness.problem = undefined
      witness.behindSince = undefined
      await keep(note, line)
    } catch (error) {
      witness.problem = `witness ${witness.key.name}: ${error instanceof Error ? error.message : String(error)}`
      if (before !== witness.problem) logger.error('A WITNESS DOES NOT SIGN', { problem: witness.problem })
    } finally {
      witness.isAsked = false
    }
  }
  return {
    async look() {
      await Promise.all(watched.map(show))
    },
    get lags() {
      return watched.map(({ behindSince }) => (behindSince === undefined ? 0 : (clock.now() - behindSince) / 1000))
    },
    get problems() {
      return watched.flatMap(({ problem }) => problem ?? [])
    },
  }
}

/** The signature line, checked. Rejects with what is wrong. */
async function askForCosignature(witness: Watched, note: string, dir: string): Promise<string> {
  const size = Number(note.split('\n')[1])
  for (let tries = 0; tries < TRIES; tries++) {
    const proof = createConsistencyProof(createTileReader(dir, size), witness.size, size)
    const lines = proof.map((hash) => `${Buffer.from(hash, 'latin1').toString('base64')}\n`).join('')
    const answer = await addCheckpoint(witness.url, `old ${witness.size}\n${lines}\n${note}`)
    const known = Number(answer.body)
    if (answer.status === 409 && Number.isSafeInteger(known)) {
      if (known > size)
        throw new Error(
          `it has seen ${known} entries, and this trail has ${size}: it was rolled back, or this is another one`,
        )
      witness.size = known
      continue
    }
    if (answer.status !== 200) throw new Error(`it answers ${answer.status}: ${answer.body.trim().slice(0, 200)}`)
    const line = answer.body.split('\n').find((each) => each.startsWith(`\u2014 ${witness.key.name} `))
    const signed = line === undefined ? undefined : readCosignature(`${note}${line}\n`, witness.key)
    if (line === undefined || signed === undefined || 'problem' in signed)
      throw new Error('its cosignature does not hold')
    witness.size = size
    return `${line}\n`
  }
  throw new Error('it does not say what it has seen')
}
