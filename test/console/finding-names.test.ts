// A detector that is added has its words in each language.
import { expect, test } from '@jest/globals'
import { en } from '../../console/src/messages/en.ts'
import { hi } from '../../console/src/messages/hi.ts'
import { FINDING_NAMES } from '../../console/src/parts/finding-names.ts'
import { DETECTORS } from '../../src/throttle/engine.ts'

test('what each detector finds has words of its own', () => {
  expect(Object.keys(FINDING_NAMES).sort()).toEqual([...DETECTORS].sort())
  for (const words of [en, hi])
    expect(new Set(Object.values(FINDING_NAMES).map((key) => words[key])).size).toBe(DETECTORS.length)
})
