// The demo's health facilities and the slots that can be booked there. This part of the registry is public.
import type { Random } from './random.ts'

export type Facility = { facilityId: string; name: string; district: string; address: string }
export type Slot = {
  slotId: string
  date: string
  session: 'morning' | 'afternoon'
  capacity: number
  available: number
}

/** Districts that are on no map. */
export const districts = ['Qelabad', 'Xorpur', 'Taqinagar', 'Luxegarh', 'Moqipet', 'Vexaganj'] as const

const facilitiesPerDistrict = 6
const slotCapacity = 40
const daysAhead = 3

export function createFacilities(random: Random): Facility[] {
  return districts.flatMap((district, d) =>
    Array.from({ length: facilitiesPerDistrict }, (_, n) => ({
      facilityId: `FAC-${String(1000 + d * 100 + n)}`,
      name: `${district} ${random.pick(['Health Centre', 'District Clinic', 'Community Hall'])} ${String(n + 1)}`,
      district,
      address: `${String(1 + random.below(90))} Demo Road, ${district}`,
    })),
  )
}

/** Lists a facility's slots for the next days, counted from `nowMs`; `booked` tells how many places a slot has lost. */
export function listSlots(facilityId: string, nowMs: number, booked: (slotId: string) => number): Slot[] {
  const slots: Slot[] = []
  for (let day = 1; day <= daysAhead; day++) {
    const date = new Date(nowMs + day * 86_400_000).toISOString().slice(0, 10)
    for (const session of ['morning', 'afternoon'] as const) {
      const slotId = `${facilityId}.${date}.${session}`
      slots.push({ slotId, date, session, capacity: slotCapacity, available: slotCapacity - booked(slotId) })
    }
  }
  return slots
}
