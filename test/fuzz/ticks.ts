// Time as this process has had it: on a machine with other work it may stand still for seconds, and nobody here is to blame for them.

const TICK_MS = 50

interface Wait {
  left: number
  readonly then: () => void
}

const waits = new Set<Wait>()
let ticker: ReturnType<typeof setInterval> | undefined

function tick(): void {
  for (const wait of waits) {
    wait.left -= 1
    if (wait.left > 0) continue
    waits.delete(wait)
    wait.then()
  }
  if (waits.size > 0) return
  clearInterval(ticker)
  ticker = undefined
}

/** Calls `then` once this process has been running for so long; the caller may take it back. */
export function afterRunning(ms: number, then: () => void): () => void {
  const wait: Wait = { left: Math.ceil(ms / TICK_MS), then }
  waits.add(wait)
  ticker ??= setInterval(tick, TICK_MS)
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
