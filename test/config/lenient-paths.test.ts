// A route may say that its upstream reads paths in any case, or with either slash: in its own keys or in defaults.
import { describe, expect, test } from '@jest/globals'
import { parseSnapshot } from '../../src/config/guard-snapshot.ts'
import { snapshotOf } from '../../src/config/check-reload.ts'
import { configOf, edited, problemsOf, type Edit } from './sample.ts'

const FACILITIES = '    session: none\n'
const READ = '    path: /api/records/{recordId}\n'
const WRITE = '    path: /api/records\n    methods: [POST]\n'

function leniencyOf(...edits: readonly Edit[]): readonly (readonly unknown[])[] {
  return configOf(edited(...edits)).routes.map(({ id, policy }) => [id, policy.ignoreCase, policy.trailingSlash])
}

describe('ignoreCase and trailingSlash', () => {
  test('are exact where nobody says otherwise, or says so', () => {
    for (const edit of ['', '    ignoreCase: false\n    trailingSlash: exact\n'])
      expect(leniencyOf([FACILITIES, `${FACILITIES}${edit}`])[2]).toEqual(['facilities', undefined, undefined])
  })

  test('are said by a route, or by defaults, which a route overrides', () => {
    expect(leniencyOf([FACILITIES, `${FACILITIES}    ignoreCase: true\n    trailingSlash: either\n`])).toEqual([
      ['record.read', undefined, undefined],
      ['record.write', undefined, undefined],
      ['facilities', true, 'either'],
    ])
    expect(
      leniencyOf(
        ['  session: required\n', '  session: required\n  ignoreCase: true\n  trailingSlash: either\n'],
        [FACILITIES, `${FACILITIES}    ignoreCase: false\n    trailingSlash: exact\n`],
      ),
    ).toEqual([
      ['record.read', true, 'either'],
      ['record.write', true, 'either'],
      ['facilities', undefined, undefined],
    ])
  })

  test.each([
    ['ignoreCase', 'yes please', /must be true or false/],
    ['trailingSlash', 'both', /must be "?exact"? or "?either"?/],
  ])('%s: %s is refused', (key, value, message) => {
    const problems = problemsOf(edited([FACILITIES, `${FACILITIES}    ${key}: ${value}\n`]))
    expect(problems.map(({ path }) => path)).toEqual([`routes[2].${key}`])
    expect(problems[0]?.message).toMatch(message)
  })

  test.each([
    [
      'another case',
      '/API/Records/{id}',
      '    ignoreCase: true\n',
      /same shape as .*\(under ignoreCase\), which is routes\[0\]/,
    ],
    [
      'a slash more',
      '/api/records/{id}/',
      '    trailingSlash: either\n',
      /\(under trailingSlash: either\), which is routes\[0\]/,
    ],
    [
      'both',
      '/api/RECORDS/{id}/',
      '    ignoreCase: true\n    trailingSlash: either\n',
      /\(under trailingSlash: either and ignoreCase\)/,
    ],
  ])('two routes that take the same paths by it, in %s, are refused', (_name, path, keys, message) => {
    const problems = problemsOf(edited(['    path: /api/facilities\n', `    path: ${path}\n${keys}`]))
    expect(problems.map((each) => each.path)).toEqual(['routes[2].path'])
    expect(problems[0]?.message).toMatch(message)
  })

  test.each([
    ['exact routes in two cases', '/API/Records/{id}', ''],
    ['exact routes with either slash', '/api/records/{id}/', ''],
    ['another path', '/API/Facilities', '    ignoreCase: true\n    trailingSlash: either\n'],
  ])('%s are not', (_name, path, keys) => {
    expect(problemsOf(edited(['    path: /api/facilities\n', `    path: ${path}\n${keys}`]))).toEqual([])
  })

  test('other methods of the same paths are not', () => {
    expect(
      problemsOf(
        edited([
          WRITE,
          `    path: /API/records/{id}/\n    methods: [POST]\n    ignoreCase: true\n    trailingSlash: either\n`,
        ]),
      ),
    ).toEqual([])
  })

  test('are compared by the rule that config is no back door, at a restart too', () => {
    const config = configOf(edited([READ, `${READ}    ignoreCase: true\n    trailingSlash: either\n`]))
    const snapshot = parseSnapshot(JSON.stringify(snapshotOf(config)))
    expect(snapshot?.routes.map(({ policy }) => policy)).toEqual(config.routes.map(({ policy }) => policy))
  })
})

test('whose record it is is presumed only where nobody says it', () => {
  expect(configOf(edited()).routes.map(({ policy }) => policy.subjectsPresumed)).toEqual([undefined, undefined, true])
})
