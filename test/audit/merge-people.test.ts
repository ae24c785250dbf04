// Many trails' people as one list: a union and not a sum, whatever order they came in, and nothing cut is taken for whole.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mergePeople, type PeopleSource } from '../../src/audit/search/merge-people.ts'
import type { FleetReads, PeopleLine } from '../../src/core/people-lines.ts'
import { formatPeopleLine, parsePeopleLine } from '../../src/core/people-text.ts'
import type { SubjectReads } from '../../src/core/trail-query.ts'

const name = (i: number, key = 'k1'): string => `${key}.${String(i).padStart(22, 'p')}`

interface Told {
  readonly gateway: string
  readonly people: readonly SubjectReads[]
  readonly principals?: readonly string[]
}

function linesOf({ gateway, people, principals = [] }: Told): PeopleLine[] {
  const sum = (of: (each: SubjectReads) => number): number => people.reduce((all, each) => all + of(each), 0)
  const firsts = people.map(({ first }) => first)
  return [
    {
      trail: {
        ...{ gateway, size: 1000, root: 'cm9vdA==', unnamed: 1, withoutSession: 1, subjects: people.length },
        reads: sum(({ reads }) => reads) + 1,
        withoutOtp: sum(({ withoutOtp }) => withoutOtp),
        subjectsWithoutOtp: people.filter(({ withoutOtp }) => withoutOtp > 0).length,
        principals: principals.length,
        ...(firsts.length === 0
          ? {}
          : { first: Math.min(...firsts), last: Math.max(...people.map(({ last }) => last)) }),
      },
    },
    ...[...principals].sort().map((principal) => ({ principal })),
    ...[...people].sort((a, b) => (a.subject < b.subject ? -1 : 1)),
    { end: people.length + principals.length },
  ]
}

function source(of: string, lines: readonly PeopleLine[]): PeopleSource {
  return {
    name: of,
    lines: (async function* () {
      yield* lines
    })(),
  }
}

const person = (i: number, reads: number, withoutOtp = 0, at = 100 + i): SubjectReads => ({
  ...{ subject: name(i), reads, withoutOtp, first: at, last: at + 10, firstEntry: i, lastEntry: i + 1 },
})

describe('several trails', () => {
  test('count whoever stands in two of them once, and say what each of them has of that person', async () => {
    const one = { gateway: 'gw/1', people: [person(1, 2), person(2, 1, 1)], principals: [name(9)] }
    const two = { gateway: 'gw/2', people: [person(2, 5, 2, 7), person(3, 1)], principals: [name(9), name(8)] }
    const answer = await mergePeople([source('a', linesOf(one)), source('b', linesOf(two))], 10)
    expect(answer).toMatchObject({
      subjects: 3,
      subjectsWithoutOtp: 1,
      principals: 2,
      reads: 11,
      withoutOtp: 3,
      unnamed: 2,
      withoutSession: 2,
    })
    expect(answer).toMatchObject({ first: 7, last: 113, size: 2000, keys: [{ key: 'k1', gateways: ['gw/1', 'gw/2'] }] })
    expect(answer.list.map(({ subject }) => subject)).toEqual([name(2), name(1), name(3)])
    expect(answer.list[0]).toMatchObject({ reads: 6, withoutOtp: 3, first: 7, last: 112 })
    expect(answer.list[0]?.trails.map(({ gateway, reads, firstEntry }) => [gateway, reads, firstEntry])).toEqual([
      ['gw/1', 1, 2],
      ['gw/2', 5, 2],
    ])
    expect(answer.trails.map(({ gateway, size, subjects }) => [gateway, size, subjects])).toEqual([
      ['gw/1', 1000, 2],
      ['gw/2', 1000, 2],
    ])
  })

  test('are the sets that they are, however people are spread over them', async () => {
    const trail = fc.uniqueArray(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 9 })), { selector: ([i]) => i })
    await fc.assert(
      fc.asyncProperty(fc.array(trail, { minLength: 1, maxLength: 5 }), fc.nat(10), async (trails, limit) => {
        const all = new Map<number, number>()
        for (const [i, reads] of trails.flat()) all.set(i, (all.get(i) ?? 0) + reads)
        const sources = trails.map((each, at) =>
          source(`s${at}`, linesOf({ gateway: `gw/${at}`, people: each.map(([i, reads]) => person(i, reads)) })),
        )
        const met: FleetReads[] = []
        const answer = await mergePeople(sources, limit, (each) => void met.push(each))
        const most = [...all].map(([i, reads]) => [name(i), reads] as const)
        most.sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
        expect(answer.subjects).toBe(all.size)
        expect(answer.list.map(({ subject, reads }) => [subject, reads])).toEqual(most.slice(0, limit))
        expect(met.map(({ subject }) => subject)).toEqual([...all.keys()].map((i) => name(i)).sort())
      }),
    )
  })

  test('that name people by different keys say which', async () => {
    const other = { ...person(1, 1), subject: name(1, 'k2') }
    const answer = await mergePeople(
      [
        source('a', linesOf({ gateway: 'gw/1', people: [person(1, 1)] })),
        source('b', linesOf({ gateway: 'gw/2', people: [other] })),
      ],
      10,
    )
    expect(answer.keys).toEqual([
      { key: 'k1', gateways: ['gw/1'] },
      { key: 'k2', gateways: ['gw/2'] },
    ])
  })
})

describe('what is not whole is refused, and named', () => {
  const fine = linesOf({ gateway: 'gw/1', people: [person(1, 1), person(2, 1)] })
  const merge = (...sources: readonly PeopleSource[]): Promise<unknown> => mergePeople(sources, 10)

  test('a list that was cut, one that lacks a name, one out of order, and one that says nothing of itself', async () => {
    await expect(merge(source('DIR', fine.slice(0, -1)))).rejects.toThrow('DIR: the list of people ends in its middle')
    await expect(
      merge(
        source(
          'DIR',
          fine.filter((_, i) => i !== 1),
        ),
      ),
    ).rejects.toThrow('1 names and should have 2')
    await expect(merge(source('DIR', [fine[0]!, fine[2]!, fine[1]!, fine[3]!]))).rejects.toThrow('order of their names')
    await expect(merge(source('DIR', fine.slice(1)))).rejects.toThrow('which trail')
  })

  test('the same trail twice, which would count every read twice', async () => {
    await expect(merge(source('ONE', fine), source('COPY', fine))).rejects.toThrow(
      'COPY: ONE and this are both the trail of gw/1: give each trail once',
    )
  })
})

test('a line is read back as it was written, and what is none is nothing', () => {
  for (const line of linesOf({ gateway: 'gw/1', people: [person(1, 1)], principals: [name(3)] }))
    expect(parsePeopleLine(formatPeopleLine(line))).toEqual(line)
  const { subject: _, ...nobody } = person(1, 1)
  for (const text of [
    '',
    '[]',
    'null',
    '{"end":-1}',
    JSON.stringify(nobody),
    JSON.stringify({ ...person(1, 1), subject: '999941057058' }),
    JSON.stringify({ ...person(1, 1), reads: '1' }),
    JSON.stringify({ trail: { gateway: 'x' } }),
    JSON.stringify({ principal: name(1), more: 'x'.repeat(5000) }),
  ])
    expect([text, parsePeopleLine(text)]).toEqual([text, undefined])
})
