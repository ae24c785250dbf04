// Waiting for the trail, with an end: a record that is not durable in time counts as one that cannot be written.
import type { Gateway } from './gateway.ts'

/** Resolves to whether the record became durable within `timeoutMs`; never rejects. */
export function committed(gateway: Gateway, ticket: number, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs, false)
    const end = (held: boolean): void => {
      clearTimeout(timer)
      resolve(held)
    }
    isDurable(gateway, ticket).then(end, () => {
      end(false)
    })
  })
}

async function isDurable(gateway: Gateway, ticket: number): Promise<boolean> {
  await gateway.trail.durable(ticket)
  return true
}
