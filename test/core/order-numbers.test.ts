// Numbers of orders: what is here without a gap, and what somebody has that is not.
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isWriter, OrderNumbers, WRITERS_MAX, writerGateway } from '../../src/core/order-numbers.ts'

const W = 'aaaaaaaaaaaa-0123456789abcdefl'
const V = 'bbbbbbbbbbbb-0123456789abcdefr'

describe('numbers', () => {
  test('through is the highest without a gap; a gap is known by the number after it', () => {
    const numbers = new OrderNumbers()
    numbers.add({ writer: W, seq: 1 })
    numbers.add({ writer: W, seq: 3 })
    expect(numbers.have.have).toEqual({ [W]: 1 })
    expect(numbers.gaps).toEqual([{ writer: W, seq: 2 }])
    expect([1, 2, 3, 4].map((seq) => numbers.has({ writer: W, seq }))).toEqual([true, false, true, false])
    numbers.add({ writer: W, seq: 2 })
    expect([numbers.have.have, numbers.gaps]).toEqual([{ [W]: 3 }, []])
  })

  test('what another has beyond is lacked; what it has not is none of our business', () => {
    const numbers = new OrderNumbers()
    numbers.add({ writer: W, seq: 1 })
    expect(numbers.lackedOf({ [W]: 1 })).toEqual([])
    expect(numbers.lackedOf({ [W]: 2, [V]: 1 })).toEqual([
      { writer: W, seq: 2 },
      { writer: V, seq: 1 },
    ])
    expect(numbers.lackedOf({})).toEqual([])
  })

  test('in whatever order they come, and however often', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 20 })), fc.infiniteStream(fc.nat()), (seqs, random) => {
        const [one, two] = [new OrderNumbers(), new OrderNumbers()]
        for (const seq of seqs) one.add({ writer: W, seq })
        const shuffled = seqs.map((seq) => ({ seq, by: random.next().value as number })).toSorted((a, b) => a.by - b.by)
        for (const { seq } of [...shuffled, ...shuffled]) two.add({ writer: W, seq })
        expect([two.have, two.gaps]).toEqual([one.have, one.gaps])
        for (let seq = 1; seq <= 20; seq += 1) expect(one.has({ writer: W, seq })).toBe(seqs.includes(seq))
      }),
    )
  })

  test('of very many writers the latest are named, and it says that there are more', () => {
    const numbers = new OrderNumbers()
    const writer = (index: number): string => `${String(index).padStart(12, '0')}-0123456789abcdefl`
    for (let index = 0; index <= WRITERS_MAX; index += 1) numbers.add({ writer: writer(index), seq: 1 })
    numbers.add({ writer: writer(1), seq: 2 })
    const { have, isPartial } = numbers.have
    expect([Object.keys(have).length, isPartial, have[writer(1)], have[writer(0)]]).toEqual([
      WRITERS_MAX,
      true,
      2,
      undefined,
    ])
  })

  test('a writer is a gateway and one of its runs', () => {
    expect([W, V].map(isWriter)).toEqual([true, true])
    expect([W.slice(1), `${W}x`, W.replace('l', 'x'), '__proto__', ''].map(isWriter)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
    expect(writerGateway(V)).toBe('bbbbbbbbbbbb')
  })
})
