// The registry's appointment book. A citizen holds one appointment at a time, so it never grows past the population.
import { listSlots } from './facilities.ts'
import type { Population } from './population.ts'

export type Appointment = {
  appointmentId: string
  beneficiaryId: string
  facilityId: string
  slotId: string
  date: string
  session: string
}
export type AppointmentBook = {
  list(beneficiaryId: string): Appointment[]
  /** Books a slot in place of the citizen's earlier one; undefined when the slot does not exist or is full. */
  reserve(beneficiaryId: string, facilityId: string, slotId: string): Appointment | undefined
  /** How many places of a slot are taken. */
  booked(slotId: string): number
}

export function createAppointmentBook(population: Population, now: () => number): AppointmentBook {
  const appointments = new Map<string, Appointment>()
  const places = new Map<string, number>()
  const booked = (slotId: string): number => places.get(slotId) ?? 0
  let number = 0

  const count = (slotId: string, change: number): void => {
    const taken = booked(slotId) + change
    if (taken > 0) places.set(slotId, taken)
    else places.delete(slotId)
  }

  return {
    booked,
    list(beneficiaryId) {
      const appointment = appointments.get(beneficiaryId)
      return appointment === undefined ? [] : [appointment]
    },
    reserve(beneficiaryId, facilityId, slotId) {
      if (!population.facilities.has(facilityId)) return undefined
      const slot = listSlots(facilityId, now(), booked).find((candidate) => candidate.slotId === slotId)
      if (slot === undefined || slot.available <= 0) return undefined
      const { date, session } = slot
      const earlier = appointments.get(beneficiaryId)
      if (earlier !== undefined) count(earlier.slotId, -1)
      count(slotId, 1)
      const appointmentId = `APT-${String(++number)}`
      const appointment = { appointmentId, beneficiaryId, facilityId, slotId, date, session }
      appointments.set(beneficiaryId, appointment)
      return appointment
    },
  }
}
