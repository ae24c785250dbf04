// Names that are no text: the paths that they give lead nowhere, and what lies there must not pass for gone.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { verifyTrail } from '../../src/audit/verify.ts'
import { copyPlace, createPlace, records, removePlaces, writeTrail } from './trail.ts'

afterAll(removePlaces)

// Other systems refuse such names.
const onLinux = process.platform === 'linux' ? test : test.skip

onLinux('a file or a directory whose name is no UTF-8 is found, wherever it lies', async () => {
  const place = createPlace()
  await writeTrail(place, [records('w1', 0, 300)])
  expect((await verifyTrail(place.dir)).problems).toEqual([])
  const hidden: [name: string, isDirectory: boolean][] = [
    ['x\xff', false],
    ['x\xff.tmp', false],
    ['x\xff', true],
    ['tile/0/\xff', true],
    ['tile/0/000.p\xff', true],
  ]
  for (const [name, isDirectory] of hidden) {
    const { dir } = copyPlace(place)
    const path = Buffer.from(join(dir, name), 'latin1')
    if (isDirectory) mkdirSync(path)
    writeFileSync(isDirectory ? Buffer.concat([path, Buffer.from('/hidden')]) : path, 'x')
    expect((await verifyTrail(dir)).problems.map(({ where }) => where.file)).toEqual([name.replace('\xff', '\ufffd')])
  }
})
