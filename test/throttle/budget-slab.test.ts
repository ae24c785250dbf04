// One budget for all threads: what an OTP was used for is counted once, and never beyond its limits.
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createBudgetMemory, createBudgetSlab, type Item } from '../../src/throttle/budget-slab.ts'

const people = (...names: string[]): Item[] => names.map((name) => ({ kind: 'people', name }))
const routes = (...names: string[]): Item[] => names.map((name) => ({ kind: 'routes', name }))

test('each name is counted once, people and routes apart', () => {
  const slab = createBudgetSlab(createBudgetMemory(64, 1), 0)
  const limits = { people: 2, routes: 2 }
  expect(slab.spend('otp', [...people('a'), ...routes('a')], limits, 1)).toBe(true)
  expect(slab.spend('otp', [...people('a', 'a'), ...routes('a')], limits, 2)).toBe(true)
  expect(slab.spend('otp', [...people('b'), ...routes('b')], limits, 3)).toBe(true)
  expect(slab.spend('otp', people('c'), limits, 4)).toBe(false)
  expect(slab.spend('otp', routes('c'), limits, 5)).toBe(false)
  expect(slab.spend('otp', [...people('a', 'b'), ...routes('a', 'b')], limits, 6)).toBe(true)
  expect(slab.spend('another', people('c'), limits, 7)).toBe(true)
})

test('where one does not fit none is added', () => {
  const slab = createBudgetSlab(createBudgetMemory(64, 1), 0)
  const limits = { people: 2, routes: 0 }
  expect(slab.spend('otp', people('a', 'b', 'c'), limits, 1)).toBe(false)
  expect(slab.spend('otp', people('d', 'e'), limits, 2)).toBe(true)
})

test('another thread sees the same, also where the limit is beyond the memory', () => {
  const memory = createBudgetMemory(3, 7)
  const [one, two] = [createBudgetSlab(memory, 1), createBudgetSlab(memory, 2)]
  const limits = { people: 100, routes: 0 }
  expect(one.spend('otp', people('a', 'b'), limits, 1)).toBe(true)
  expect(two.spend('otp', people('a', 'c'), limits, 2)).toBe(true)
  expect(two.spend('otp', people('d'), limits, 3)).toBe(false)
})

test('any spending is that of a plain set', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.constantFrom('x', 'y', 'z'), fc.array(fc.constantFrom(...'abcdefgh'.split('')), { maxLength: 4 })),
      ),
      fc.integer({ min: 1, max: 6 }),
      (uses, max) => {
        const slab = createBudgetSlab(createBudgetMemory(64, 3), 0)
        const model = new Map<string, Set<string>>()
        for (const [otp, names] of uses) {
          const next = new Set([...(model.get(otp) ?? []), ...names])
          const fits = next.size <= max
          if (fits) model.set(otp, next)
          expect(slab.spend(otp, people(...names), { people: max, routes: 0 }, 1)).toBe(fits)
        }
      },
    ),
  )
})

test('a crowd of OTPs evicts those that were used the longest ago', () => {
  const slab = createBudgetSlab(createBudgetMemory(1_000, 5), 0)
  const limits = { people: 1, routes: 0 }
  expect(slab.spend('mine', people('a'), limits, 1)).toBe(true)
  for (let n = 0; n < 100; n++) {
    slab.spend(`other ${n}`, people('x'), limits, 2 * n + 2)
    expect(slab.spend('mine', people('b'), limits, 2 * n + 3)).toBe(false)
  }
})
