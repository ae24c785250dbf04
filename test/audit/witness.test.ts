// A witness signs one history of each log, remembers it over a restart, and takes nothing that does not lead on from it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from '@jest/globals'
import {
  cosign,
  createWitnessKey,
  formatWitnessKey,
  parseWitnessKey,
  readCosignature,
} from '../../src/audit/cosignature.ts'
import { nodeFiles, type Files } from '../../src/audit/files.ts'
import { createConsistencyProof } from '../../src/audit/merkle.ts'
import { createVkey } from '../../src/audit/note.ts'
import { createTileReader } from '../../src/audit/tile-reader.ts'
import { runVerifier } from '../../src/audit/verifier-main.ts'
import { verifyTrail } from '../../src/audit/verify.ts'
import { run } from '../cli/support.ts'
import { SAMPLE } from '../config/sample.ts'
import { createWitness, type Witness } from '../../src/audit/witness.ts'
import { startWitnessServer } from '../../src/adapters/node/witness-server.ts'
import { addCheckpoint } from '../../src/adapters/node/witness-client.ts'
import {
  appendAll,
  createPlace,
  createSigner,
  listFiles,
  openTestLog,
  openTestSealer,
  records,
  removePlaces,
  writeTrail,
  type Place,
} from './trail.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close()
})
afterAll(removePlaces)

const SECONDS = 1_800_000_000
const witnessSigner = createSigner('witness.example.in', 9)
const key = createWitnessKey(witnessSigner.name, witnessSigner.publicKeyRaw)
const log = createSigner()

function openWitness(place: Place, files: Files = nodeFiles): Witness {
  const vkey = createVkey(log.name, log.publicKeyRaw)
  return createWitness({
    files,
    dir: join(place.root, 'witness'),
    signer: witnessSigner,
    logs: [vkey],
    now: () => SECONDS * 1_000,
  })
}

/** Trails of these sizes, one the beginning of the next, and the request that leads a witness from one size to another. */
async function history(sizes: readonly number[], more = '') {
  const place = createPlace()
  const notes = new Map<number, string>()
  const sealer = await openTestSealer(place)
  const wal = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  let at = 0
  for (const size of sizes) {
    await appendAll(wal, records('w1', at, size - at, more))
    await sealer.seal()
    notes.set(size, sealer.checkpoint)
    at = size
  }
  const request = (from: number, to: number): string => {
    const proof = createConsistencyProof(createTileReader(place.dir, at), from, to)
    const lines = proof.map((hash) => `${Buffer.from(hash, 'latin1').toString('base64')}\n`).join('')
    return `old ${from}\n${lines}\n${notes.get(to) ?? ''}`
  }
  return { place, sealer, wal, request, note: (size: number) => notes.get(size) ?? '' }
}

test('it signs what leads on, and its signature holds', async () => {
  const { request, note } = await history([3, 300, 700])
  const witness = openWitness(createPlace())
  for (const [from, to] of [
    [0, 3],
    [3, 300],
    [300, 700],
    [700, 700],
  ] as const) {
    const answer = await witness.addCheckpoint(request(from, to))
    expect([answer.status, readCosignature(note(to) + answer.body, key)]).toEqual([200, { seconds: SECONDS }])
  }
  expect(parseWitnessKey(formatWitnessKey(key))).toEqual({ ...key, publicKeyRaw: Buffer.from(key.publicKeyRaw) })
})

test('it refuses a second history, a rollback, a stranger and a broken proof, each by its status', async () => {
  const ours = await history([3, 300, 700])
  const other = await history([300, 700], ',"other":1')
  const witness = openWitness(createPlace())
  expect((await witness.addCheckpoint(ours.request(0, 300))).status).toBe(200)
  const status = async (body: string): Promise<unknown> => {
    const answer = await witness.addCheckpoint(body)
    return answer.status === 409 ? [answer.status, answer.type, answer.body] : answer.status
  }
  expect(await status(ours.request(0, 700))).toEqual([409, 'text/x.tlog.size', '300\n'])
  expect(await status(ours.request(3, 300))).toEqual([409, 'text/x.tlog.size', '300\n'])
  expect(await status(other.request(300, 700))).toBe(422)
  expect(await status(`old 300\n\n${other.note(300)}`)).toBe(422)
  expect(await status(`old 300\n\n${ours.note(700)}`)).toBe(422)
  expect(await status(`old 300\n\n${ours.note(3)}`)).toBe(400)
  expect(await status(ours.request(300, 700).replace(/^old 300\n./, 'old 300\n!'))).toBe(400)
  expect(await status('nonsense')).toBe(400)
  expect(await status(ours.request(300, 700).replace(/— (\S+) \S+/, '— $1 AAAAAAAAAAAAAAAA'))).toBe(403)
  expect(await status(`old 0\n\n${ours.note(3).replaceAll(log.name, 'stranger')}`)).toBe(404)
  // None of it was remembered.
  expect(await status(ours.request(300, 700))).toBe(200)
})

test('what it remembers is on the disk before it answers, and outlives it', async () => {
  const ours = await history([300, 700])
  const place = createPlace()
  await openWitness(place).addCheckpoint(ours.request(0, 300))
  expect((await openWitness(place).addCheckpoint(ours.request(0, 700))).status).toBe(409)
  const failing: Files = { ...nodeFiles, rename: () => Promise.reject(new Error('ENOSPC: no space left')) }
  await expect(openWitness(place, failing).addCheckpoint(ours.request(300, 700))).rejects.toThrow('ENOSPC')
  expect((await openWitness(place).addCheckpoint(ours.request(300, 700))).status).toBe(200)
  const [file = ''] = listFiles(join(place.root, 'witness'))
  writeFileSync(
    join(place.root, 'witness', file),
    readFileSync(join(place.root, 'witness', file), 'utf8').replace('700', '300'),
  )
  await expect(openWitness(place).addCheckpoint(ours.request(700, 700))).rejects.toThrow(
    'not what this witness has written',
  )
})

test('two at once: one of them wins', async () => {
  const ours = await history([300, 700])
  const witness = openWitness(createPlace())
  const answers = await Promise.all([
    witness.addCheckpoint(ours.request(0, 300)),
    witness.addCheckpoint(ours.request(0, 700)),
  ])
  expect(answers.map(({ status }) => status)).toEqual([200, 409])
})

test('each changed byte of a cosignature is seen', async () => {
  const note = (await writeTrail(createPlace(), [records('w1', 0, 3)])).checkpoint
  const line = cosign(note.slice(0, note.indexOf('\n\n') + 1), SECONDS, witnessSigner)
  const bytes = Buffer.from(line)
  for (let at = Buffer.byteLength('— witness.example.in '); at < bytes.length - 1; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    const read = readCosignature(note + changed.toString(), key)
    expect([at, read !== undefined && 'seconds' in read]).toEqual([at, false])
  }
})

test('over HTTP: the cosigned checkpoint verifies, stays over a restart, and the next one follows it', async () => {
  const ours = await history([300])
  const witness = openWitness(createPlace())
  const failures: string[] = []
  const server = await startWitnessServer({
    host: '127.0.0.1',
    port: 0,
    vkey: formatWitnessKey(key),
    addCheckpoint: (body) => witness.addCheckpoint(body),
    onFailure: (problem) => void failures.push(problem),
  })
  opened.push(server)
  const url = `http://127.0.0.1:${server.port}/`
  expect(await (await fetch(url)).text()).toBe(`${formatWitnessKey(key)}\n`)
  expect(await addCheckpoint(url, 'x'.repeat(70_000))).toMatchObject({ status: 400 })
  const { status, body } = await addCheckpoint(url, ours.request(0, 300))
  expect(status).toBe(200)
  expect(await ours.sealer.cosign(ours.note(300), body)).toBe(true)
  expect(await ours.sealer.cosign(ours.note(300), body)).toBe(false)
  expect(readCosignature(readFileSync(join(ours.place.dir, 'checkpoint'), 'utf8'), key)).toEqual({ seconds: SECONDS })
  expect((await verifyTrail(ours.place.dir)).problems).toEqual([])
  await appendAll(ours.wal, records('w1', 300, 5))
  expect(await ours.sealer.seal()).toEqual({ size: 305, added: 5 })
  // It was of the checkpoint before.
  expect(await ours.sealer.cosign(ours.note(300), body)).toBe(false)
  await ours.wal.close()
  await ours.sealer.close()
  expect(await verifyTrail(ours.place.dir, { checkpoint: ours.note(300) + body })).toMatchObject({ ok: true })
  expect(failures).toEqual([])
})

describe('what the verifier says of witnesses', () => {
  const vkey = formatWitnessKey(key)

  async function cosigned(text: (note: string, line: string) => string = (note, line) => note + line) {
    const { place, note, sealer, wal } = await history([3, 300])
    await wal.close()
    await sealer.close()
    const lineOf = (size: number): string => cosign(`${note(size).split('\n\n')[0] ?? ''}\n`, SECONDS, witnessSigner)
    writeFileSync(join(place.dir, 'checkpoint'), text(note(300), lineOf(300)))
    return { place, kept: note(3) + lineOf(3) }
  }

  test('a cosignature that holds is told with its time; nothing is passed over in silence', async () => {
    const { place } = await cosigned()
    expect(await verifyTrail(place.dir, { witness: [vkey] })).toMatchObject({
      ok: true,
      witnessStatement: 'The witness witness.example.in has cosigned the first 300 entries, 2027-01-15T08:00:00.000Z.',
    })
    expect((await verifyTrail(place.dir)).witnessStatement).toBe(
      'No key of a witness was given: what witness.example.in has cosigned was not checked.',
    )
  })

  test('one that lags is shown by the checkpoint that it has; without it the verdict fails', async () => {
    const { place, kept } = await cosigned((note) => note)
    expect((await verifyTrail(place.dir)).witnessStatement).toBe('')
    const alone = await verifyTrail(place.dir, { witness: [vkey] })
    expect([alone.ok, alone.problems[0]?.what]).toEqual([false, expect.stringContaining('has cosigned no checkpoint')])
    const beside = await verifyTrail(place.dir, { witness: [vkey], checkpoint: kept })
    expect([beside.ok, beside.witnessStatement]).toEqual([true, expect.stringContaining('the first 3 entries')])
  })

  test('one that does not hold, of another key or of another text, is a problem', async () => {
    const forged = createWitnessKey(witnessSigner.name, createSigner('x', 4).publicKeyRaw)
    const { place } = await cosigned()
    expect((await verifyTrail(place.dir, { witness: [formatWitnessKey(forged)] })).ok).toBe(false)
    expect((await verifyTrail(place.dir, { witness: ['nonsense'] })).problems[0]?.what).toContain(
      'the witness key given',
    )
    const changed = await cosigned((note) => note + cosign(`${log.name}\n300\nAAAA\n`, SECONDS, witnessSigner))
    const verdict = await verifyTrail(changed.place.dir, { witness: [vkey] })
    expect([verdict.ok, verdict.problems[0]?.what]).toEqual([false, expect.stringContaining('does not hold')])
  })

  test('the single file checks it too, and so does the command, by key and by config', async () => {
    const { place, kept } = await cosigned((note) => note)
    const said: string[] = []
    const keptFile = join(place.root, 'kept')
    writeFileSync(keptFile, kept)
    const args = [place.dir, '--witness', vkey]
    expect(await runVerifier(args, (text) => said.push(text))).toBe(1)
    expect(await runVerifier([...args, '--checkpoint', keptFile], (text) => said.push(text))).toBe(0)
    expect(said.at(-1)).toContain('has cosigned the first 3 entries')
    const config = join(place.root, 'portcullis.yaml')
    writeFileSync(
      config,
      SAMPLE.replace(/^audit:\n/m, `audit:\n  witnesses: [{ url: "http://127.0.0.1:1", key: "${vkey}" }]\n`),
    )
    const verify = (...more: readonly string[]) => run(['audit', 'verify', place.dir, ...more], { cwd: place.root })
    const byConfig = await verify('--config', config, '--checkpoint', keptFile)
    expect(byConfig).toMatchObject({ code: 0, stdout: expect.stringContaining('has cosigned the first 3') })
    expect(await verify('--config', config)).toMatchObject({ code: 1 })
    expect(await verify('--witness', vkey, '--checkpoint', keptFile)).toMatchObject({ code: 0 })
    expect(await verify('--config', join(place.root, 'absent.yaml'))).toMatchObject({ code: 2 })
  })
})
