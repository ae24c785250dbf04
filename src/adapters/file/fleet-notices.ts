// How a process learns what another has written into the file that they share: it looks, since SQLite tells nobody.
import type { DatabaseSync } from 'node:sqlite'
import { isFleetBody, isFleetName } from '../../core/fleet-text.ts'
import type { FleetStoreListener } from '../../ports/fleet-store.ts'

/** A look costs some microseconds while nothing has changed. */
const LOOK_INTERVAL_MS = 25

/** Tells of what comes from now on, until what it returns is called. A file that cannot be read is told lost once, and found once. */
export function watchNotices(database: DatabaseSync, gateway: string, listener: FleetStoreListener): () => void {
  const newest = database.prepare('SELECT coalesce(max(seq), 0) AS seq FROM notices')
  const later = database.prepare(
    "SELECT seq, kind, name, gateway, body FROM notices WHERE seq > ? AND recipient IN ('', ?) ORDER BY seq",
  )
  let seen: number | undefined
  let state: 'unknown' | 'connected' | 'lost' = 'unknown'
  const look = (): void => {
    try {
      const last = Number(newest.get()?.seq)
      const rows = seen === undefined || last === seen ? [] : later.all(seen, gateway)
      seen = last
      if (state !== 'connected') {
        state = 'connected'
        listener.onConnected()
      }
      for (const row of rows) pass(row, listener)
    } catch (error) {
      if (state !== 'lost') listener.onLost(String(error).split('\n', 1)[0] ?? '')
      state = 'lost'
    }
  }
  const timer = setInterval(look, LOOK_INTERVAL_MS)
  setImmediate(() => {
    if (timer.hasRef()) look()
  })
  return () => {
    clearInterval(timer)
    timer.unref()
  }
}

function pass({ kind, name, gateway, body }: Record<string, unknown>, listener: FleetStoreListener): void {
  if (kind === 'roster') listener.onRoster()
  else if (!isFleetName(name) || !isFleetBody(body)) return
  else if (kind === 'entry') listener.onEntry({ id: name, body })
  else if (kind === 'told') listener.onTold(body)
  else if (kind === 'proof' && isFleetName(gateway)) listener.onProof({ order: name, gateway, body })
}
