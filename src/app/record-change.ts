// What changes a gateway beside orders, its start, its stop and its config: into the trail, and onto the time lines of who watches.
import type { ConfigChange } from '../config/tell-changes.ts'
import type { ConfigRecord, LifeRecord } from '../core/audit-record.ts'
import type { ChangeView } from '../ports/live-views.ts'
import type { Parts } from './parts.ts'
import { packageVersion } from './version.ts'

/** More of one reload's sections stand in its hash alone. */
const CHANGED_MAX = 20

type Recording = Pick<Parts, 'trail' | 'clock' | 'desk' | 'changes'>

export function recordLife(parts: Recording, kind: 'start' | 'stop', config: string | undefined): void {
  parts.trail.main.append(lifeOf(parts, kind, config))
}

/** Apart from the record: whoever watches hears of a stop when it begins, the trail has it as its last word. */
export function tellLife(parts: Recording, kind: 'start' | 'stop', config: string | undefined): void {
  const { time, version } = lifeOf(parts, kind, config)
  parts.changes.tell({ at: time, kind, version, ...(config === undefined ? {} : { config }) })
}

function lifeOf({ clock, desk }: Recording, kind: 'start' | 'stop', config: string | undefined): LifeRecord {
  return {
    ...{ kind, time: clock.now(), version: packageVersion(), epoch: desk.ledger.epoch },
    ...(config === undefined ? {} : { config }),
  }
}

export function recordConfig({ trail, clock, desk, changes }: Recording, change: ConfigChange): void {
  const record: ConfigRecord = {
    ...{ kind: 'config', time: clock.now(), outcome: change.outcome, epoch: desk.ledger.epoch },
    ...(change.hash === undefined ? {} : { config: change.hash }),
    ...(change.outcome === 'refused' ? { reason: change.reason } : takenOf(change)),
  }
  trail.main.append(record)
  changes.tell(viewOf(record))
}

function takenOf({
  before,
  changed,
  restartNeeded,
}: Extract<ConfigChange, { outcome: 'taken' }>): Pick<ConfigRecord, 'previous' | 'changed' | 'more' | 'restartNeeded'> {
  return {
    previous: before,
    changed: changed.slice(0, CHANGED_MAX),
    ...(changed.length > CHANGED_MAX ? { more: changed.length - CHANGED_MAX } : {}),
    ...(restartNeeded.length === 0 ? {} : { restartNeeded }),
  }
}

function viewOf({ time, outcome, config, changed, more, reason }: ConfigRecord): ChangeView {
  return {
    ...{ at: time, kind: 'config', outcome },
    ...(config === undefined ? {} : { config }),
    ...(changed === undefined ? {} : { changed }),
    ...(more === undefined ? {} : { more }),
    ...(reason === undefined ? {} : { reason }),
  }
}
