// Server-sent events: locks, releases and proofs as they come.
import type { Response } from 'express'
import type { ControlDeps } from '../control-deps.ts'
import type { DeskChange } from '../ledger-keeper.ts'
import { sendProblem } from '../problem.ts'
import type { Resource } from '../resource.ts'
import type { Caller } from '../sessions.ts'
import { lockView, statusView } from '../views.ts'

const LISTENERS_MAX = 100
const HEARTBEAT_MS = 15_000
/** A listener that does not read is let go, before it fills the memory. */
const UNREAD_BYTES_MAX = 262_144

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
      GET: (request, response) => {
        if (listeners >= LISTENERS_MAX) {
          sendProblem(response, 'too-many-listeners', `${LISTENERS_MAX} listen already`)
          return
        }
        listeners++
        response.setHeader('Content-Type', 'text/event-stream')
        response.flushHeaders()
        send(response, 'status', statusView(deps))
        const stop = deps.desk.onChange((change) => {
          send(response, change.event, dataOf(deps, change))
        })
        const heartbeat = setInterval(() => {
          if (isStillAllowed(request.headers.authorization) === undefined) response.end()
          else write(response, ': alive\n\n')
        }, HEARTBEAT_MS).unref()
        response.on('close', () => {
          listeners--
          stop()
          clearInterval(heartbeat)
        })
      },
    },
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
