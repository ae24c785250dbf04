import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import {
  createIdNumber,
  demoMobile,
  isDemoIdNumber,
  isDemoMobile,
  passesVerhoeff,
  sandboxIdNumbers,
  verhoeffDigit,
} from '../../demo/identifiers.ts'
import { createPopulation } from '../../demo/population.ts'
import { createRandom } from '../../demo/random.ts'

/** Every run of digits in a text that could be a number somebody was given: a mobile number or an Aadhaar number. */
function assignable(text: string): string[] {
  const runs = text.match(/(?<![\w.])\d+(?![\w.])/g) ?? []
  const mobile = (run: string): boolean => /^(0|91)?[6-9]\d{9}$/.test(run)
  const landline = (run: string): boolean => /^0?[1-5]\d{9}$/.test(run) && !isDemoMobile(run)
  const aadhaar = (run: string): boolean => /^[2-9]\d{11}$/.test(run) && !isDemoIdNumber(run)
  return runs.filter((run) => mobile(run) || landline(run) || aadhaar(run))
}

describe('identifiers', () => {
  test('the check digit agrees with published numbers', () => {
    for (const good of ['312345678909', '399876543211', '1428570', '6548']) {
      expect(passesVerhoeff(good)).toBe(true)
      expect(String(verhoeffDigit(good.slice(0, -1)))).toBe(good.slice(-1))
    }
    for (const bad of ['123456789012', '654', '123459']) expect(passesVerhoeff(bad)).toBe(false)
    for (const sandbox of sandboxIdNumbers) expect(passesVerhoeff(sandbox)).toBe(true)
  })

  test('an identity number was never issued: it begins with 1 and fails the check, or it is of the sandbox', () => {
    const random = createRandom(7)
    const numbers = Array.from({ length: 20_000 }, () => createIdNumber(random))
    const sandbox = numbers.filter((number) => (sandboxIdNumbers as readonly string[]).includes(number))
    expect(sandbox.length).toBeGreaterThan(300)
    for (const number of numbers) {
      const neverIssued = /^1\d{11}$/.test(number) && !passesVerhoeff(number)
      if (!neverIssued) expect(sandboxIdNumbers).toContain(number)
      expect(isDemoIdNumber(number)).toBe(true)
    }
  })

  test('a mobile number can be neither a mobile nor a landline: wherever the area code ends, a 0 follows', () => {
    for (const line of [0, 1, 42, 54_321, 99_999]) {
      const mobile = demoMobile(line)
      expect(mobile).toMatch(/^[^6-9]\d{9}$/)
      expect(['11', '20', '22', '33', '40', '44', '79', '80']).not.toContain(mobile.slice(0, 2))
      expect(mobile.charAt(3)).toBe('0')
      expect(mobile.charAt(4)).toBe('0')
      expect(isDemoMobile(mobile)).toBe(true)
    }
    expect(() => demoMobile(100_000)).toThrow(RangeError)
  })

  test.each([1, 2, 3, 2_147_483_648])('the population of seed %i holds no number that somebody could have', (seed) => {
    const population = createPopulation(seed)
    expect(population.citizens.size).toBe(2000)
    for (const citizen of population.citizens.values()) {
      expect(isDemoMobile(citizen.mobile)).toBe(true)
      expect(isDemoIdNumber(citizen.idNumber)).toBe(true)
    }
    expect(assignable(JSON.stringify([...population.citizens, ...population.facilities]))).toEqual([])
  })

  test('no file of the demo holds such a number either', () => {
    const folder = new URL('../../demo/', import.meta.url)
    const entries = readdirSync(folder, { withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
    expect(files).toContain('openapi.yaml')
    for (const file of files)
      expect([file, assignable(readFileSync(new URL(file, folder), 'utf8'))]).toEqual([file, []])
  })

  test('the search itself sees a mobile number, a landline and an identity number', () => {
    const invented = ['9'.repeat(10), '5'.repeat(10), `2${'0'.repeat(11)}`]
    expect(assignable(JSON.stringify(invented))).toEqual(invented)
  })
})

describe('population', () => {
  test('the same seed gives the same citizens, another seed others', () => {
    expect([...createPopulation(5).citizens]).toEqual([...createPopulation(5).citizens])
    expect([...createPopulation(6).citizens]).not.toEqual([...createPopulation(5).citizens])
  })

  test('every part of a name has a letter sequence that no Indian name is written with', () => {
    for (const { name } of createPopulation(1).citizens.values()) expect(name).toMatch(/^\w*[xq]\w* [XQ]\w*$/)
  })

  test('a household has one to four members, one number and a subject that does not contain it', () => {
    const { households, citizens } = createPopulation(1)
    let members = 0
    for (const household of households.values()) {
      members += household.members.length
      expect(household.members.length).toBeGreaterThanOrEqual(1)
      expect(household.members.length).toBeLessThanOrEqual(4)
      expect(household.subject).toMatch(/^c-[\w-]{16}$/)
      for (const member of household.members) expect(member.mobile).toBe(household.mobile)
    }
    expect(members).toBe(citizens.size)
    expect(new Set([...households.values()].map(({ subject }) => subject)).size).toBe(households.size)
  })
})
