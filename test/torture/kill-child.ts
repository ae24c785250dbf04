// Writes a log of one of the other kinds until it is killed, and says on stdout what it has acknowledged.
import { writeSync } from 'node:fs'
import { writeForEver } from './logs.ts'

const [kind = '', dir = '', run = ''] = process.argv.slice(2)
writeForEver(kind === 'buffered' ? 'buffered' : 'ndjson', { root: dir, dir, stateFile: '' }, Number(run), (entries) => {
  writeSync(1, entries)
})
