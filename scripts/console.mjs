// The responder's page, built into dist/console where it is missing or older than its source.
import fs from 'node:fs'
import path from 'node:path'
import { root, run, runtime } from './setup.mjs'

const built = path.join(root, 'dist/console/index.html')

/** Also what of src/ it takes types from is left out: types are not in what is built. */
function isCurrent() {
  if (!fs.existsSync(built)) return false
  const builtAt = fs.statSync(built).mtimeMs
  const source = path.join(root, 'console')
  return fs
    .readdirSync(source, { recursive: true })
    .every((file) => fs.statSync(path.join(source, file)).mtimeMs <= builtAt)
}

export function buildConsole() {
  if (isCurrent()) return
  run(runtime(), [path.join(root, 'node_modules/vite/bin/vite.js'), 'build', 'console'])
}
