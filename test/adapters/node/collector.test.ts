// A flag that V8 has dropped is told on standard error, and nowhere else.
import { spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'

const module = new URL('../../../src/adapters/node/collector.ts', import.meta.url).href

test('V8 knows the flags', () => {
  const script = `import { tuneCollector } from ${JSON.stringify(module)}\ntuneCollector()\nconsole.log('taken')`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual(['taken\n', ''])
})
