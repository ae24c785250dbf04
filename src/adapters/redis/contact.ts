// Two connections, one contact: it stands while the commands are answered and the subscription is heard.
import type { FleetStoreListener } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'

interface PartListener {
  onUp(): void
  onDown(problem: string): void
}

export interface Contact {
  part(name: 'commands' | 'subscription'): PartListener
  listen(listener: Pick<FleetStoreListener, 'onConnected' | 'onLost'>): void
  end(): void
}

/** `onConnected` comes whenever the second of both stands (again), `onLost` once for each time that contact is lost. */
export function createContact(logger: Logger): Contact {
  const up = new Set<string>()
  let state: 'unknown' | 'connected' | 'lost' = 'unknown'
  let listener: Pick<FleetStoreListener, 'onConnected' | 'onLost'> | undefined
  let isOver = false
  return {
    part: (name) => ({
      onUp() {
        up.add(name)
        if (isOver || state === 'connected' || up.size < 2) return
        state = 'connected'
        logger.info('the fleet store is connected')
        listener?.onConnected()
      },
      onDown(problem) {
        up.delete(name)
        if (isOver || state === 'lost') return
        state = 'lost'
        logger.warn('the fleet store was lost', { problem })
        listener?.onLost(problem)
      },
    }),
    listen(given) {
      listener = given
    },
    end() {
      isOver = true
    },
  }
}
