// Server-sent events: locks, releases and proofs as they come; to who asks for them, also what is decided meanwhile.
import type { Response } from 'express'
import { mayAudit } from '../../core/responder.ts'
import type { DecisionsEvent, FleetProofEvent } from '../../ports/live-views.ts'
import type { ControlDeps } from '../control-deps.ts'
import type { LeaseChange } from '../fleet/fleet.ts'
import type { DeskChange } from '../ledger-keeper.ts'
import { tellFleetProofs } from '../live/fleet-proofs.ts'
import { sendProblem } from '../problem.ts'
import type { Resource } from '../resource.ts'
import type { Caller } from '../sessions.ts'
import { lockView, statusView } from '../views.ts'

const LISTENERS_MAX = 100
const HEARTBEAT_MS = 15_000
/** A listener that does not read is let go, before it fills the memory. */
const UNREAD_BYTES_MAX = 262_144
/** Decisions are many: one that falls behind misses some, and is told how many. */
const BEHIND_BYTES = 131_072

/** `isStillAllowed` is asked at each heartbeat: a session that has ended hears no more. */
export function eventResource(
  deps: ControlDeps,
  isStillAllowed: (authorization: string | undefined) => Caller | undefined,
): Resource {
  let listeners = 0
  return {
    path: '/api/v1/events',
    access: 'read',
    methods: {
      GET: (request, response, caller) => {
        if (listeners >= LISTENERS_MAX) {
          sendProblem(response, 'too-many-listeners', `${LISTENERS_MAX} listen already`)
          return
        }
        listeners++
        response.setHeader('Content-Type', 'text/event-stream')
        // A proxy before the control plane must not gather what should come at once.
        response.setHeader('X-Accel-Buffering', 'no')
        response.flushHeaders()
        send(response, 'status', statusView(deps))
        const stops = [
          deps.desk.onChange((change) => {
            send(response, change.event, dataOf(deps, change))
          }),
          tellFleetProofs(deps, (event: FleetProofEvent) => {
            send(response, 'fleet-proof', event)
          }),
          tellLease(deps, response),
          deps.changes?.listen((change) => {
            send(response, 'change', change)
          }),
          ...(request.query.live === undefined ? [] : tellLive(deps, response, caller)),
        ]
        const heartbeat = setInterval(() => {
          if (isStillAllowed(request.headers.authorization) === undefined) response.end()
          else write(response, ': alive\n\n')
        }, HEARTBEAT_MS).unref()
        response.on('close', () => {
          listeners--
          for (const stop of stops) stop?.()
          clearInterval(heartbeat)
        })
      },
    },
  }
}

/** Counters for every reader; single decisions and client stacks, which callers put together, for those who may also search the trail. */
function tellLive({ live, cohorts, rates }: ControlDeps, response: Response, caller: Caller): readonly (() => void)[] {
  const stopRates = rates?.listen((second) => {
    send(response, 'counters', second)
  })
  const maySee = caller.kind === 'responder' && mayAudit(caller.responder.role)
  let missed = 0
  const stopLive = maySee
    ? live?.listen(({ decisions, untold }) => {
        if (response.writableLength > BEHIND_BYTES) missed += decisions.length + untold
        else {
          send(response, 'decisions', { decisions, untold: untold + missed } satisfies DecisionsEvent)
          missed = 0
        }
      })
    : undefined
  const stopCohorts = maySee
    ? cohorts?.listen((event) => {
        if (response.writableLength <= BEHIND_BYTES) send(response, 'cohorts', event)
      })
    : undefined
  return [stopRates, stopLive, stopCohorts].filter((stop) => stop !== undefined)
}

/** In a fleet: when this gateway takes its posture, and when it leaves it. */
function tellLease({ fleet }: ControlDeps, response: Response): () => void {
  const tell = (change: LeaseChange): void => {
    send(response, 'lease', change)
  }
  fleet?.leaseListeners.add(tell)
  return () => {
    fleet?.leaseListeners.delete(tell)
  }
}

function dataOf(deps: ControlDeps, change: DeskChange): object {
  if (change.event === 'status') return statusView(deps)
  return change.event === 'lock' ? { ...change, locks: change.locks.map((lock) => lockView(deps, lock)) } : change
}

function send(response: Response, event: string, data: object): void {
  write(response, `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}

function write(response: Response, text: string): void {
  if (response.writableLength > UNREAD_BYTES_MAX) response.destroy()
  else response.write(text)
}
