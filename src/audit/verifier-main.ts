// The command line of verify.mjs: the same checks as `portcullis audit verify` and `verify-proof`, with nothing around them.
import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { NodeTooOld } from './bundle-file.ts'
import { checkProofFile } from './check-proof-file.ts'
import { isPack, verifyPack } from './verify-pack.ts'
import { verifyTrail, type Verdict } from './verify.ts'

const USAGE = `Usage: node verify.mjs [DIR] [--key VKEY] [--checkpoint FILE ...] [--witness KEY ...] [--json]
       node verify.mjs FILE.tlog-proof --record FILE --key VKEY
  DIR           a trail, or an export with proofs (default: where you are)
  --key         the verification key, kept elsewhere: finds what was signed anew
  --checkpoint  a checkpoint of this trail, kept elsewhere: finds a rollback
  --witness     the key of a witness: checks that it has cosigned this history
  --record      the record that the proof is of; or --receipt TEXT
Exit codes: 0 intact, 1 not, 2 bad usage, or a Node that cannot read it.
`

/** Resolves with the exit code. Never rejects. */
export async function runVerifier(argv: readonly string[], write: (text: string) => void): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        key: { type: 'string' },
        checkpoint: { type: 'string', multiple: true },
        witness: { type: 'string', multiple: true },
        record: { type: 'string' },
        receipt: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
    const [place = '.'] = positionals
    if (values.help === true) {
      write(USAGE)
      return 0
    }
    const astray = astrayWith(positionals)
    if (astray !== undefined) {
      write(`${astray}${USAGE}`)
      return 2
    }
    if (place.endsWith('.tlog-proof')) return proveFile(place, values, write)
    const show = (ok: boolean, verdict: object, lines: readonly string[]): number => {
      write(
        values.json === true
          ? `${JSON.stringify(verdict)}\n`
          : `${ok ? 'INTACT' : 'NOT INTACT'}  ${place}\n${lines.map((line) => `  ${clean(line)}\n`).join('')}`,
      )
      return ok ? 0 : 1
    }
    if (isPack(place)) {
      const verdict = verifyPack(place, {
        ...{ vkey: values.key, witnesses: values.witness },
        tell: (done) => {
          if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done} records`)
        },
      })
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
      const { records, problems, beside, keyStatement, witnessStatement } = verdict
      const lines = [`${records} records`, ...problems, ...beside, keyStatement, witnessStatement]
      return show(
        verdict.ok,
        verdict,
        lines.filter((line) => line !== ''),
      )
    }
    const checkpoints = (values.checkpoint ?? []).map((file) => readFileSync(file, 'utf8'))
    const verdict = await verifyTrail(place, {
      ...(values.key === undefined ? {} : { vkey: values.key }),
      ...(checkpoints.length === 0 ? {} : { checkpoint: checkpoints }),
      ...(values.witness === undefined ? {} : { witness: values.witness }),
      onProgress: (done, total) => {
        if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done < total ? `${done} of ${total} entries` : ''}`)
      },
    })
    return show(verdict.ok, verdict, linesOf(verdict))
  } catch (error) {
    return fail(error, write)
  }
}

/** Nothing is said to be not intact that is not there at all. */
function astrayWith(places: readonly string[]): string | undefined {
  if (places.length > 1) return ''
  const isHere = places.length > 0 || isPack('.') || existsSync('checkpoint')
  return isHere ? undefined : 'There is no trail and no export where you are: name its directory.\n'
}

function fail(error: unknown, write: (text: string) => void): 2 {
  const usage = error instanceof NodeTooOld ? '' : USAGE
  write(`${clean(error instanceof Error ? error.message : String(error))}\n${usage}`)
  return 2
}

interface ProofValues {
  readonly key?: string | undefined
  readonly record?: string | undefined
  readonly receipt?: string | undefined
}

function proveFile(file: string, { key, record, receipt }: ProofValues, write: (text: string) => void): number {
  if (key === undefined || (record === undefined) === (receipt === undefined)) {
    write(USAGE)
    return 2
  }
  const verdict = checkProofFile({
    ...{ proof: readFileSync(file, 'utf8'), vkey: key },
    ...(record === undefined ? {} : { record: readFileSync(record) }),
    ...(receipt === undefined ? {} : { receipt }),
  })
  if ('problem' in verdict) write(`NOT PROVEN  ${clean(verdict.problem)}\n`)
  else
    write(
      `PROVEN  entry ${verdict.index} of ${clean(verdict.origin)}, under its checkpoint of ${verdict.size} entries\n`,
    )
  return 'problem' in verdict ? 1 : 0
}

function linesOf({
  origin,
  size,
  root,
  unsealed,
  problems,
  warnings,
  keyStatement,
  checkpointStatement,
  witnessStatement,
}: Verdict): readonly string[] {
  return [
    `log ${origin}, ${size} entries, root ${root}`,
    ...(unsealed > 0 ? [`${unsealed} entries are durable and under no checkpoint yet`] : []),
    ...problems.map(({ what, where }) => {
      const place = [
        where.file,
        where.offset === undefined ? undefined : `byte ${where.offset}`,
        where.index === undefined ? undefined : `entry ${where.index}`,
      ]
      return `problem: ${place.filter((each) => each !== undefined).join(', ')}: ${what}`
    }),
    ...warnings.map((warning) => `warning: ${warning}`),
    keyStatement,
    checkpointStatement,
    witnessStatement,
  ].filter((line) => line !== '')
}

/** What a trail holds is never written raw to a terminal. */
function clean(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, '?')
}
