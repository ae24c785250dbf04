import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Slots } from '../../src/gateway/slots.ts'

interface Member {
  readonly name: number
  slot: number
}

test('holds what a Set would hold, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(12)), { maxLength: 200 }), (steps) => {
      const members: Member[] = Array.from({ length: 13 }, (_none, name) => ({ name, slot: -1 }))
      const slots = new Slots<Member>()
      const model = new Set<Member>()
      for (const [isAdded, name] of steps) {
        const member = members[name] as Member
        if (!isAdded) {
          slots.delete(member)
          model.delete(member)
        } else if (!model.has(member)) {
          slots.add(member)
          model.add(member)
        }
        expect(slots.size).toBe(model.size)
        expect(new Set(slots.all())).toEqual(model)
      }
    }),
  )
})

test('one that was never held, or is held elsewhere, takes nobody out', () => {
  const [one, two] = [new Slots<Member>(), new Slots<Member>()]
  const [here, there]: Member[] = [
    { name: 1, slot: -1 },
    { name: 2, slot: -1 },
  ] as const
  one.add(here as Member)
  two.add(there as Member)
  one.delete(there as Member)
  one.delete({ name: 3, slot: -1 })
  expect(one.all()).toEqual([here])
  expect(two.all()).toEqual([there])
})

test('what is looked at is what was held then', () => {
  const slots = new Slots<Member>()
  const members = Array.from({ length: 5 }, (_none, name): Member => ({ name, slot: -1 }))
  for (const each of members) slots.add(each)
  const seen: number[] = []
  for (const each of slots.all()) {
    slots.delete(each)
    seen.push(each.name)
  }
  expect(seen).toEqual([0, 1, 2, 3, 4])
  expect(slots.size).toBe(0)
})
