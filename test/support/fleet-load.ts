// A steady load on several gateways, each request bearing the gateway and the time at which it was sent: the upstream's log then tells
// what came through which gateway, and when it had been asked.
import { setTimeout as delay } from 'node:timers/promises'

export interface FleetLoad {
  /** Wall times of the requests that were sent to that gateway after `epochMs` and reached the upstream. */
  passedAfter(gateway: number, epochMs: number): readonly number[]
  stop(): Promise<void>
}

const REST_MS = 10

/** `received`: all that the upstream has read. One request after the other at each gateway. */
export function startFleetLoad(urls: readonly string[], received: () => string): FleetLoad {
  let isOver = false
  const ask = async (url: string, gateway: number): Promise<void> => {
    while (!isOver) {
      await fetch(`${url}/api/v2/facilities?gateway=${gateway}&sent=${Date.now()}`, {
        signal: AbortSignal.timeout(2000),
      })
        .then((answer) => answer.arrayBuffer())
        .catch(() => undefined)
      await delay(REST_MS)
    }
  }
  const running = urls.map(ask)
  return {
    passedAfter(gateway, epochMs) {
      const found = received().matchAll(new RegExp(`facilities\\?gateway=${gateway}&sent=(\\d+) `, 'g'))
      return [...found].map(([, sent]) => Number(sent)).filter((sentMs) => sentMs > epochMs)
    },
    async stop() {
      isOver = true
      await Promise.all(running)
    },
  }
}
