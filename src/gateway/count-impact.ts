// Answers what a lock would have refused at this worker, without holding up the requests that come meanwhile.
import { setImmediate } from 'node:timers/promises'
import { ImpactCount, tableFor, wouldRefuse, type Impact, type ImpactQuestion } from '../core/impact.ts'
import { lockTargetOf } from './exchange.ts'
import type { Gateway } from './gateway.ts'

/** Samples judged in one turn of the event loop: at half a microsecond each, three before the code is warm. */
const SAMPLES_A_TURN = 256

/** `since`: when this worker began to look. */
export async function countImpact(gateway: Gateway, question: ImpactQuestion, since: number): Promise<Impact> {
  const { ring, settings, addresses, inFlight } = gateway
  const table = tableFor(question, settings.routes.routes, (cidrs) => addresses.compile(cidrs))
  const count = new ImpactCount(question, table)
  let judged = 0
  for (const { samples, count: came } of ring.between(question.from, question.to)) {
    // What comes in meanwhile changes the slice that is being filled: its weight is that of now.
    const weight = came / Math.max(1, samples.length)
    for (const sample of samples.slice()) {
      if (sample.at >= question.from && sample.at < question.to) count.add(sample, weight)
      judged += 1
      if (judged % SAMPLES_A_TURN === 0) await setImmediate()
    }
  }
  const open = inFlight.count(
    (exchange, route) => exchange.permit !== undefined && wouldRefuse(table, lockTargetOf(exchange, route)),
  )
  return count.result(Math.round(Math.max(question.from, since)), open)
}
