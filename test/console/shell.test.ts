// What an incident's name holds is one word of the line that the page shows, whatever it is.
import { spawnSync } from 'node:child_process'
import { expect, test } from '@jest/globals'
import { fileName, shellWord } from '../../console/src/shell.ts'

test.each(['INC-7', 'INC 7', '$(touch pwned)', "it's; `id` && rm *", '~', '#x', 'क&ख', '"'])('%s', (name) => {
  const { stdout } = spawnSync('sh', ['-c', `printf %s ${shellWord(name)}`], { encoding: 'utf8' })
  expect(stdout).toBe(name)
  expect(fileName(name)).toMatch(/^\w[\w.-]*$/)
})

test('a plain name stays as it is, and a path stays where it is', () => {
  expect([shellWord('INC-7'), fileName('INC-7'), fileName('../../etc/INC 7')]).toEqual([
    'INC-7',
    'INC-7',
    '__.._etc_INC_7',
  ])
})
