// A resource of the control plane: a path, who may ask, and what each method does.
import type { Request, Response } from 'express'
import type { Caller } from './sessions.ts'

export type Method = 'GET' | 'POST'

/** What a method does. A rejection is answered 500 and logged. */
export type Answer = (request: Request, response: Response, caller: Caller) => void | Promise<void>

export interface Resource {
  /** In Express's notation (path-to-regexp 8). */
  readonly path: string
  /** `read`: the read token or a session. `open`: anyone; an order brings its own signature. */
  readonly access: 'open' | 'read'
  /** How many reads one of it counts for (read-limit); 1 unless said. Nothing is taken for what is open. */
  readonly cost?: number
  readonly methods: Readonly<Partial<Record<Method, Answer>>>
}

/** A field of a JSON body of any shape. */
export function bodyField(request: Request, key: string): unknown {
  const body: unknown = request.body
  return typeof body === 'object' && body !== null && Object.hasOwn(body, key)
    ? (body as Readonly<Record<string, unknown>>)[key]
    : undefined
}

export function sendJson(response: Response, status: number, body: object): void {
  response.status(status)
  response.setHeader('Content-Type', 'application/json')
  response.end(JSON.stringify(body))
}
