// How long an evidence pack takes, and its check: `npm run bench:evidence [records]`. The promise is a million records in less than 60 s.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openIndex } from '../../src/app/forensics.ts'
import { signCheckpoint } from '../../src/audit/checkpoint.ts'
import { nodeFiles } from '../../src/audit/files.ts'
import { createVkey, formatVkey } from '../../src/audit/note.ts'
import { TileStore } from '../../src/audit/tile-store.ts'
import { writeReport } from '../../src/cli/incident/write-report.ts'
import { createSigner } from '../audit/trail.ts'

const RECORDS = Number(process.argv[2] ?? 1_000_000)
const START = Date.UTC(2026, 10, 29, 8)
const BATCH = 65_536

function entryAt(i: number): string {
  const base = `{"time":${START + i},"seq":${i},"kind":`
  if (i === 5)
    return `${base}"order","gateway":"gw","worker":"main","order":"lock","outcome":"accepted","id":"lock-1","by":"desk","channel":"api","epoch":1,"locks":["lock-1"],"reason":"records for sale","incident":"INC-7"}`
  const person = `k1.${String(i % 50_021).padEnd(22, '_')}`
  return `${base}"request","gateway":"gw","worker":"w1","phase":"outcome","id":"r${i}","client":"10.0.0.${i % 250}","method":"GET","route":"record.read","path":"/api/v2/records/${person}","subjects":["${person}"],"session":"k1.${String(i % 301).padEnd(22, 's')}","application":"app-${i % 4}","otp":${i % 4 !== 3},"decision":"allow","epoch":1,"status":200,"bytes":812,"durationMs":3.25,"upstreamMs":2.5}`
}

const home = mkdtempSync(path.join(tmpdir(), 'portcullis-evidence-'))
const dir = path.join(home, 'audit')
try {
  mkdirSync(dir)
  const signer = createSigner()
  const store = await TileStore.load({ ...nodeFiles, sync: async () => undefined }, dir, 0)
  for (let at = 0; at < RECORDS; at += BATCH)
    await store.adopt(
      await store.extend(Array.from({ length: Math.min(BATCH, RECORDS - at) }, (_, i) => Buffer.from(entryAt(at + i)))),
    )
  writeFileSync(path.join(dir, 'checkpoint'), signCheckpoint({ size: store.size, root: store.root() }, signer))
  writeFileSync(path.join(dir, 'vkey'), `${formatVkey(createVkey(signer.name, signer.publicKeyRaw))}\n`)
  const out = path.join(home, 'INC-7')
  let last = ''
  const begun = performance.now()
  const seconds = (): string => ((performance.now() - begun) / 1000).toFixed(1)
  const written = await writeReport({
    ...{ dir, out, incident: 'INC-7', span: {}, details: {}, now: START + RECORDS, openIndex },
    certificates: async () => [],
    progress: (text) => {
      const stage = text.replaceAll(/\d+/g, '')
      if (stage !== last) console.log(`${seconds().padStart(6)} s  ${text}`)
      last = stage
    },
  })
  console.log(
    `${seconds().padStart(6)} s  pack of ${written.records} records, ${(written.archiveBytes / 1e6).toFixed(0)} MB`,
  )
  const checking = performance.now()
  const checked = spawnSync(process.execPath, [path.join(out, 'verify.mjs'), out], { encoding: 'utf8' })
  console.log(
    `${((performance.now() - checking) / 1000).toFixed(1).padStart(6)} s  verify.mjs: ${checked.stdout.split('\n')[0]}`,
  )
} finally {
  rmSync(home, { recursive: true, force: true })
}
