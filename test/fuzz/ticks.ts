// Time as this process has had it: on a machine with other work it may stand still for seconds, and nobody here is to blame for them.

import { setTimeout as delay } from 'node:timers/promises'

const TICK_MS = 50

interface Wait {
  left: number
  readonly then: () => void
}

/** A tick is no less than so many rounds of the event loop, however long each takes. */
const TICK_ROUNDS = 8

const waits = new Set<Wait>()
let isTicking = false

async function tickOn(): Promise<void> {
  isTicking = true
  while (waits.size > 0) {
    await delay(TICK_MS)
    for (let round = 0; round < TICK_ROUNDS; round++) await turn()
    for (const wait of waits) {
      wait.left -= 1
      if (wait.left > 0) continue
      waits.delete(wait)
      wait.then()
    }
  }
  isTicking = false
}

/** Calls `then` once this process has been running for so long; the caller may take it back. */
export function afterRunning(ms: number, then: () => void): () => void {
  const wait: Wait = { left: Math.ceil(ms / TICK_MS), then }
  waits.add(wait)
  if (!isTicking) void tickOn()
  return () => void waits.delete(wait)
}

/** A round of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Resolves once `holds`, or once this process has been running for so long without it. */
export async function within(ms: number, holds: () => boolean): Promise<void> {
  // A few rounds are nearly always enough.
  for (let round = 0; round < ROUNDS; round++) {
    await turn()
    if (holds()) return
  }
  for (let waited = 0; waited < ms && !holds(); waited += TICK_MS) {
    await new Promise<void>((resolve) => afterRunning(TICK_MS, resolve))
  }
}

const ROUNDS = 10
