// A gateway and its witnesses: what they sign stands in the checkpoint and is kept; one that hangs delays none of the others.
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, expect, test } from '@jest/globals'
import { startWitnessServer } from '../../src/adapters/node/witness-server.ts'
import { createEvidence, startEvidence } from '../../src/app/evidence.ts'
import { createWitnessKey, formatWitnessKey, readCosignature } from '../../src/audit/cosignature.ts'
import { nodeFiles } from '../../src/audit/files.ts'
import { createVkey } from '../../src/audit/note.ts'
import { createWitness } from '../../src/audit/witness.ts'
import {
  appendAll,
  createPlace,
  createSigner,
  openTestLog,
  openTestSealer,
  records,
  removePlaces,
} from '../audit/trail.ts'
import { eventually } from '../support/gateway-process.ts'
import { createMemoryTrail } from '../support/memory-trail.ts'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})
afterAll(removePlaces)

const log = createSigner()
const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

async function openTrail() {
  const place = createPlace()
  const sealer = await openTestSealer(place)
  const wal = await openTestLog(place, 'w1', {
    onDurable: (batch) => {
      sealer.add(batch)
    },
  })
  opened.push(() => wal.close())
  return { place, sealer, wal }
}

async function openWitness(name: string) {
  const signer = createSigner(name, name.length)
  const key = createWitnessKey(signer.name, signer.publicKeyRaw)
  const dir = join(createPlace().root, 'witness')
  const logs = [createVkey(log.name, log.publicKeyRaw)]
  const witness = createWitness({ files: nodeFiles, dir, signer, logs, now: () => 1_800_000_000_000 })
  let answers: (() => void) | undefined
  const server = await startWitnessServer({
    ...{ host: '127.0.0.1', port: 0, vkey: formatWitnessKey(key), onFailure: () => undefined },
    addCheckpoint: async (body) => {
      if (answers !== undefined) await new Promise<void>((resolve) => (answers = resolve))
      return witness.addCheckpoint(body)
    },
  })
  opened.push(() => server.close())
  return {
    ...{ key, url: `http://127.0.0.1:${server.port}` },
    hold: () => (answers = () => undefined),
    release: () => {
      answers?.()
      answers = undefined
    },
  }
}

async function openHanging() {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opened.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets }
}

test('one that hangs is asked once, lags by itself, and delays none of the others', async () => {
  const { place, sealer, wal } = await openTrail()
  const [real, hanging] = [await openWitness('witness.example.in'), await openHanging()]
  const other = createSigner('hanging.example.in', 3)
  let now = 1_000
  const witnesses = [
    { url: hanging.url, key: formatWitnessKey(createWitnessKey(other.name, other.publicKeyRaw)) },
    { url: real.url, key: formatWitnessKey(real.key) },
  ]
  const config = {
    audit: { witnesses, dir: place.dir, clock: { servers: [], everyMs: 1, alarmMs: 1 } },
    store: { dir: dirname(place.stateFile) },
  }
  const clock = { now: () => now, monotonicMs: () => now }
  const evidence = createEvidence({
    config,
    sealer,
    clock,
    logger: SILENT,
    trail: createMemoryTrail(),
  })
  opened.push(startEvidence(evidence, config, SILENT))
  const isSigned = (): Promise<boolean> =>
    eventually(async () => 'seconds' in (readCosignature(sealer.checkpoint, real.key) ?? {}), 30_000)
  for (const from of [0, 3]) {
    await appendAll(wal, records('w1', from, 3))
    await sealer.seal()
    expect(await isSigned()).toBe(true)
  }
  expect([hanging.sockets.length, hanging.sockets[0]?.destroyed]).toEqual([1, false])
  now += 7_000
  expect(await eventually(async () => evidence.witnesses.lags[1] === 0, 30_000)).toBe(true)
  expect(evidence.witnesses.lags[0]).toBe(7)
})

test('what a slow one signs is kept also where the trail has gone on meanwhile', async () => {
  const { place, sealer, wal } = await openTrail()
  const slow = await openWitness('slow.example.in')
  const config = {
    audit: {
      witnesses: [{ url: slow.url, key: formatWitnessKey(slow.key) }],
      dir: place.dir,
      clock: { servers: [], everyMs: 1, alarmMs: 1 },
    },
    store: { dir: dirname(place.stateFile) },
  }
  const clock = { now: () => 1_000, monotonicMs: () => 1_000 }
  const evidence = createEvidence({
    config,
    sealer,
    clock,
    logger: SILENT,
    trail: createMemoryTrail(),
  })
  const file = join(config.store.dir, 'checkpoint.witnessed')
  slow.hold()
  await appendAll(wal, records('w1', 0, 3))
  await sealer.seal()
  const first = sealer.checkpoint
  const looked = evidence.witnesses.look()
  await appendAll(wal, records('w1', 3, 3))
  await sealer.seal()
  expect(await eventually(async () => (slow.release(), existsSync(file)), 30_000)).toBe(true)
  await looked
  const kept = readFileSync(file, 'utf8')
  expect(kept.startsWith(first)).toBe(true)
  expect(readCosignature(kept, slow.key)).toEqual({ seconds: 1_800_000_000 })
})
