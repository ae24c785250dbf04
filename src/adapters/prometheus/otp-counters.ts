// What is counted of the gateway's own one-time passwords, in the main thread; every series is there from the start, at zero.
import { Counter, type Registry } from '@prometheus-io/client'
import type { OtpMeter } from '../../ports/otp.ts'
import { PREFIX } from './families.ts'

const REQUESTED = ['sent', 'withheld', 'limited', 'unavailable'] as const
const DELIVERED = ['delivered', 'retried', 'failed'] as const
const VERIFIED = {
  number: ['verified', 'wrong', 'absent', 'exhausted', 'blocked', 'limited', 'unavailable'],
  account: ['verified', 'wrong', 'replayed', 'blocked', 'limited', 'unavailable'],
} as const

export function registerOtpCounters(registry: Registry): OtpMeter {
  const requests = counter(registry, 'otp_requests_total', 'Codes asked for, by what became of it.', ['result'])
  const deliveries = counter(
    registry,
    'otp_deliveries_total',
    'Codes handed to the webhook: taken, tried again, given up.',
    ['result'],
  )
  const verifications = counter(registry, 'otp_verifications_total', 'Codes brought back, by way and result.', [
    'way',
    'result',
  ])
  for (const result of REQUESTED) requests.inc({ result }, 0)
  for (const result of DELIVERED) deliveries.inc({ result }, 0)
  for (const way of ['number', 'account'] as const)
    for (const result of VERIFIED[way]) verifications.inc({ way, result }, 0)
  return {
    requested: (result) => {
      requests.inc({ result })
    },
    delivered: (result) => {
      deliveries.inc({ result })
    },
    verified: (way, result) => {
      verifications.inc({ way, result })
    },
  }
}

function counter<L extends string>(registry: Registry, name: string, help: string, labelNames: L[]): Counter<L> {
  return new Counter({ name: PREFIX + name, help, labelNames, registers: [registry] })
}
