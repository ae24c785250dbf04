// Lint keeps the clock, randomness and the environment out of where they do not belong: each rule is seen to fire.
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { ESLint } from 'eslint'

const root = path.resolve(import.meta.dirname, '../..')
const eslint = new ESLint({ cwd: root })

async function messages(file: string, text: string): Promise<string> {
  const [result] = await eslint.lintText(text, { filePath: path.join(root, file) })
  return (result?.messages ?? []).map((each) => `${each.ruleId ?? 'parse'}: ${each.message}`).join('\n')
}

test.each([
  ['a wall clock', 'src/core/time.ts', 'export const now = Date.now()', 'time comes through ports/clock'],
  ['a new Date', 'src/gateway/exchange.ts', 'export const now = new Date()', 'time comes through ports/clock'],
  [
    'a monotonic clock',
    'src/gateway/exchange.ts',
    'export const now = performance.now()',
    'time comes through ports/clock',
  ],
  [
    'randomness',
    'src/gateway/exchange.ts',
    'export const luck = Math.random()',
    'randomness comes through ports/clock',
  ],
  [
    'the environment',
    'src/gateway/exchange.ts',
    'export const home = process.env.HOME',
    'only config/ reads the environment',
  ],
  ['an async core', 'src/core/time.ts', 'export async function later(): Promise<void> {}', 'core is synchronous'],
  ['a floating promise', 'src/gateway/exchange.ts', 'Promise.resolve(1)', 'no-floating-promises'],
] as const)('%s is caught', async (_name, file, text, expected) => {
  expect(await messages(file, `${text}\n`)).toContain(expected)
})
