// The house rules: the tree obeys them, and each of them catches a violation that is planted for it.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync, copyFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

const root = path.resolve(import.meta.dirname, '../..')
const planted = mkdtempSync(path.join(os.tmpdir(), 'portcullis-rules-'))

/** Files that each break one rule, and the rule. */
const VIOLATIONS: readonly (readonly [rule: string, file: string, text: string])[] = [
  ['no-cycles', 'src/core/cycle-a.ts', "import './cycle-b.ts'"],
  ['no-orphans', 'src/core/orphan.ts', 'export const alone = 1'],
  ['core-is-closed', 'src/core/reaches-out.ts', "import type { P } from '../ports/port.ts'\nexport type Q = P"],
  ['core-is-pure', 'src/core/impure.ts', "import 'node:fs'"],
  ['core-is-pure', 'src/core/uses-package.ts', "import 'zod'"],
  ['ports-know-core', 'src/ports/knows-gateway.ts', "import type { G } from '../gateway/thing.ts'\nexport type H = G"],
  ['ports-are-types', 'src/ports/runs.ts', "import { thing } from '../core/thing.ts'\nexport const again = thing"],
  ['audit', 'src/audit/knows-config.ts', "import '../config/thing.ts'"],
  ['audit-no-packages', 'src/audit/uses-package.ts', "import 'zod'"],
  ['throttle', 'src/throttle/knows-gateway.ts', "import '../gateway/thing.ts'"],
  ['throttle-no-packages', 'src/throttle/uses-package.ts', "import 'zod'"],
  ['http1-is-closed', 'src/http1/knows-gateway.ts', "import '../gateway/thing.ts'"],
  ['http1-is-closed', 'src/http1/knows-core.ts', "import '../core/thing.ts'"],
  ['http1-no-packages', 'src/http1/uses-package.ts', "import 'zod'"],
  ['data-plane', 'src/gateway/knows-control.ts', "import '../control/thing.ts'"],
  ['data-plane-no-frameworks', 'src/gateway/uses-package.ts', "import 'express'"],
  ['control-plane', 'src/control/knows-gateway.ts', "import '../gateway/thing.ts'"],
  ['adapters-know-ports', 'src/adapters/one/knows-two.ts', "import '../two/thing.ts'"],
  ['config', 'src/config/knows-ports.ts', "import '../audit/thing.ts'"],
  ['cli', 'src/cli/knows-control.ts', "import '../control/thing.ts'"],
  ['composition-roots', 'src/control/names-adapter.ts', "import '../adapters/two/thing.ts'"],
  ['only-main-starts-the-app', 'src/cli/starts-app.ts', "import '../app/serve.ts'"],
  ['src-never-imports-test', 'src/core/knows-test.ts', "import '../../test/thing.ts'"],
  [
    'permits-are-granted-in-one-place',
    'src/gateway/stages/forges.ts',
    "import { grantPermit } from '../../core/permit.ts'\nexport const forged = grantPermit",
  ],
]

const PLAIN = [
  'src/core/thing.ts',
  'src/core/permit.ts',
  'src/ports/port.ts',
  'src/gateway/thing.ts',
  'src/control/thing.ts',
  'src/config/thing.ts',
  'src/audit/thing.ts',
  'src/adapters/two/thing.ts',
  'src/app/serve.ts',
  'test/thing.ts',
]

interface Found {
  readonly rule: { readonly name: string }
  readonly from: string
}

function cruise(dir: string): Promise<readonly Found[]> {
  const script = path.join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  return new Promise((resolve, reject) => {
    const args = [script, 'src', '--config', '.dependency-cruiser.cjs', '--output-type', 'json']
    execFile(process.execPath, args, { cwd: dir, maxBuffer: 64 << 20 }, (error, stdout) => {
      try {
        resolve((JSON.parse(stdout) as { summary: { violations: readonly Found[] } }).summary.violations)
      } catch {
        reject(error ?? new Error(stdout))
      }
    })
  })
}

let found: readonly Found[] = []

beforeAll(async () => {
  const write = (file: string, text: string): void => {
    mkdirSync(path.dirname(path.join(planted, file)), { recursive: true })
    writeFileSync(path.join(planted, file), `${text}\n`)
  }
  for (const file of PLAIN)
    write(file, 'export const thing = 1\nexport const grantPermit = 1\nexport type P = 1\nexport type G = 1')
  write('src/core/cycle-b.ts', "import './cycle-a.ts'")
  for (const [, file, text] of VIOLATIONS) write(file, text)
  for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json'])
    copyFileSync(path.join(root, file), path.join(planted, file))
  symlinkSync(path.join(root, 'node_modules'), path.join(planted, 'node_modules'))
  found = await cruise(planted)
})

afterAll(() => {
  rmSync(planted, { recursive: true, force: true })
})

test.each(VIOLATIONS)('%s catches %s', (rule, file) => {
  expect(found.filter((each) => each.from === file).map((each) => each.rule.name)).toContain(rule)
})

test('every rule of the house has a violation planted for it', async () => {
  const { default: config } = (await import(path.join(root, '.dependency-cruiser.cjs'))) as {
    default: { forbidden: readonly { name: string }[] }
  }
  expect(new Set(VIOLATIONS.map(([rule]) => rule))).toEqual(new Set(config.forbidden.map(({ name }) => name)))
})
