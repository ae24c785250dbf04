// `npm test`: set up whatever is missing, then types, lint, architecture, dead code and every test; the last line counts the tests.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { buildConsole } from './console.mjs'
import { ensurePackages } from './packages.mjs'
import { environment, install, root, runtime } from './setup.mjs'

install()
ensurePackages(['prometheus', 'redis-server', 'chromium', 'zsh', 'fish'])
buildConsole()

const node = runtime()
const only = process.argv.slice(2)
const module = (file) => path.join(root, 'node_modules', file)
const steps = [
  ['types', [module('typescript/bin/tsc'), '-p', 'tsconfig.json']],
  ['types of the console', [module('typescript/bin/tsc'), '-p', 'console/tsconfig.json']],
  ['format', [module('prettier/bin/prettier.cjs'), '--check', '--log-level', 'warn', '.']],
  ['lint', [module('eslint/bin/eslint.js'), '.']],
  [
    'architecture',
    [
      module('dependency-cruiser/bin/dependency-cruiser.mjs'),
      'src',
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'err',
    ],
  ],
  ['dead code', [module('knip/bin/knip.js'), '--no-progress']],
]
const failed = []
if (only.length === 0) {
  for (const [name, args] of steps) {
    const started = Date.now()
    const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit', env: environment() })
    console.log(`${status === 0 ? 'ok' : 'FAILED'}  ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
    if (status !== 0) failed.push(name)
  }
}

const report = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'portcullis-test-')), 'jest.json')
const jest = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  module('jest/bin/jest.js'),
  '--json',
  `--outputFile=${report}`,
  ...only,
]
const { status } = spawnSync(node, jest, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: environment() })
const counts = fs.existsSync(report)
  ? JSON.parse(fs.readFileSync(report, 'utf8'))
  : { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 }
for (const name of failed) console.error(`FAILED: ${name}`)
// A step that failed, or a suite that did not even load, counts as one failure, so that the line never reads better than the exit code.
const unloaded = counts.numRuntimeErrorTestSuites ?? 0
const failures = counts.numFailedTests + failed.length + unloaded
const skipped = counts.numPendingTests > 0 ? `, ${counts.numPendingTests} skipped` : ''
console.log(`${counts.numPassedTests} passed, ${failures} failed${skipped}`)
process.exit(failures === 0 && status === 0 ? 0 : 1)
