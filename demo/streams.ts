// The registry's two long answers: a certificate that takes its time, and the slot events that never end by themselves.
import { setTimeout as delay } from 'node:timers/promises'
import { listSlots } from './facilities.ts'
import type { Citizen, Population } from './population.ts'
import { createRandom } from './random.ts'

const certificatePieces = 64
// 6 KiB is a multiple of three bytes, so that the base64 of the pieces can be joined.
const certificatePiece = Buffer.alloc(6144, 'generated demo certificate, not a document\n').toString('base64')

/** Streams a certificate as one JSON document of half a megabyte, a piece every `paceMs`, as if it were being drawn. */
export async function* drawCertificate(citizen: Citizen, paceMs: number, signal: AbortSignal): AsyncGenerator<string> {
  const { beneficiaryId, name, birthYear, doses } = citizen
  const certificate = { certificateId: `CERT-${beneficiaryId}`, beneficiaryId, name, birthYear, doses, generated: true }
  yield `${JSON.stringify(certificate).slice(0, -1)},"image":"`
  for (let piece = 0; piece < certificatePieces; piece++) {
    if (paceMs > 0) await delay(paceMs, undefined, { signal })
    yield certificatePiece
  }
  yield '"}\n'
}

type EventSource = { population: Population; now: () => number; booked: (slotId: string) => number }

/** Yields one server-sent event (WHATWG HTML 9.2) at once and then one every `paceMs`, until `signal` ends it. */
export async function* watchSlots(source: EventSource, paceMs: number, signal: AbortSignal): AsyncGenerator<string> {
  const facilityIds = [...source.population.facilities.keys()]
  const random = createRandom(source.now())
  for (let id = 1; ; id++) {
    const facilityId = random.pick(facilityIds)
    const slot = random.pick(listSlots(facilityId, source.now(), source.booked))
    yield `id: ${String(id)}\nevent: slot\ndata: ${JSON.stringify({ facilityId, ...slot })}\n\n`
    await delay(paceMs, undefined, { signal })
  }
}
