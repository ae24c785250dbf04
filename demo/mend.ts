// For the demo alone: closes the partner endpoint's hole in the config of the gateway that runs. npm run demo:mend
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { PARTNER_MENDED, PARTNER_OPEN } from './config.ts'

const { values } = parseArgs({ options: { dir: { type: 'string', default: '.demo' } } })
const root = path.resolve(import.meta.dirname, '..')
const file = path.resolve(root, values.dir, 'portcullis.yaml')
const shown = path.relative(process.cwd(), file)

function end(problem: string): never {
  console.error(problem)
  process.exit(1)
}

function read(): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return end(`${shown} is not there: start the demo first (npm start).`)
  }
}

const text = read()
if (text.includes(PARTNER_MENDED)) console.log(`${shown} is mended already.`)
else if (text.includes(PARTNER_OPEN)) {
  writeFileSync(file, text.replace(PARTNER_OPEN, PARTNER_MENDED))
  console.log(`In ${shown}, which the gateway reads again within a second:\n\n${PARTNER_MENDED}`)
} else end(`${shown} has been edited at partner.lookup. What closes the hole:\n\n${PARTNER_MENDED}`)
