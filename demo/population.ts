// The generated citizens. A household shares one mobile number, as families did on the real platform (up to four).
import { createHmac } from 'node:crypto'
import { createFacilities, districts, type Facility } from './facilities.ts'
import { createIdNumber, demoMobile } from './identifiers.ts'
import { createRandom, type Random } from './random.ts'

export type Dose = { dose: number; vaccine: string; date: string; facilityId: string }
export type Citizen = {
  beneficiaryId: string
  name: string
  birthYear: number
  gender: 'female' | 'male' | 'other'
  district: string
  mobile: string
  idNumber: string
  doses: Dose[]
}
/** `subject` stands for the household in tokens; it is not derived from anything that can be guessed from a number. */
export type Household = { mobile: string; subject: string; members: Citizen[] }
export type Population = {
  citizens: Map<string, Citizen>
  households: Map<string, Household>
  facilities: Map<string, Facility>
}

// Every part of a name has a syllable with q or x in it that no Indian name is written with: "Tanixo Qelomi".
const plain = ['ta', 'ni', 'lo', 'ru', 've', 'ko', 'mi', 'da', 'su', 'pe', 'ha', 'yo']
const strange = ['xo', 'xen', 'qil', 'xur', 'qum', 'qoz', 'xib', 'qev', 'xaz', 'quop']

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

function createName(random: Random): string {
  const given = random.pick(plain) + random.pick(plain) + random.pick(strange)
  const family = random.pick(strange) + random.pick(plain) + random.pick(plain)
  return `${capital(given)} ${capital(family)}`
}

function createDoses(random: Random, facilityIds: readonly string[]): Dose[] {
  const vaccine = random.pick(['Demovax-A', 'Demovax-B'])
  return Array.from({ length: random.below(4) }, (_, n) => ({
    dose: n + 1,
    vaccine,
    date: `${String(2021 + n)}-${String(1 + random.below(12)).padStart(2, '0')}-${String(1 + random.below(28)).padStart(2, '0')}`,
    facilityId: random.pick(facilityIds),
  }))
}

/**
 * Generates `size` citizens in households of one to four, with the facilities that they go to. The mobile numbers have
 * gaps, so that somebody who walks the block finds a household behind every second number.
 */
export function createPopulation(seed: number, size = 2000): Population {
  const random = createRandom(seed)
  const facilities = new Map(createFacilities(random).map((facility) => [facility.facilityId, facility]))
  const facilityIds = [...facilities.keys()]
  const citizens = new Map<string, Citizen>()
  const households = new Map<string, Household>()
  let line = 0
  while (citizens.size < size) {
    line += 1 + random.below(3)
    const mobile = demoMobile(line)
    const district = random.pick(districts)
    const members: Citizen[] = []
    for (let n = 1 + random.below(4); n > 0 && citizens.size < size; n--) {
      const citizen: Citizen = {
        beneficiaryId: `BEN-${String(100_000 + citizens.size)}`,
        name: createName(random),
        birthYear: 1935 + random.below(85),
        gender: random.pick(['female', 'female', 'male', 'male', 'other'] as const),
        district,
        mobile,
        idNumber: createIdNumber(random),
        doses: createDoses(random, facilityIds),
      }
      members.push(citizen)
      citizens.set(citizen.beneficiaryId, citizen)
    }
    const subject = `c-${createHmac('sha256', `demo seed ${String(seed)}`)
      .update(mobile)
      .digest('base64url')
      .slice(0, 16)}`
    households.set(mobile, { mobile, subject, members })
  }
  return { citizens, households, facilities }
}
