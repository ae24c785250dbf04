// Bodies of refusals and failures (RFC 9457). A frozen gateway under a flood writes the same few again and again.
import type { Lock } from '../core/lock.ts'

export interface Problem {
  /** The last part of its type: `urn:portcullis:problem:…`. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly lock?: { readonly id: string; readonly epoch: number } | undefined
  /** Name of the limit that was met (draft-ietf-httpapi-ratelimit-headers). */
  readonly violated?: string | undefined
}

/** `instance`: the request's id, which needs no escaping. */
export function problemBody(problem: Problem, instance: string): Buffer {
  return closed(opened(problem), instance)
}

/** The same, put together once for each lock, epoch and language. */
export function lockedBody(problem: Problem, lock: Lock | undefined, language: string, instance: string): Buffer {
  const epoch = problem.lock?.epoch ?? 0
  const key = lock ?? NO_LOCK
  let known = written.get(key)
  if (known?.epoch !== epoch) written.set(key, (known = { epoch, byLanguage: new Map() }))
  let text = known.byLanguage.get(language)
  if (text === undefined) known.byLanguage.set(language, (text = opened(problem)))
  return closed(text, instance)
}

interface Written {
  readonly epoch: number
  /** The languages of a lock's own texts, or of ours: few. */
  readonly byLanguage: Map<string, string>
}

const written = new WeakMap<object, Written>()
const NO_LOCK = {}

/** All but the instance, up to its value. */
function opened({ type, title, status, detail, lock, violated }: Problem): string {
  const policies = violated === undefined ? undefined : [violated]
  const members = { type: `urn:portcullis:problem:${type}`, title, status, detail, lock, 'violated-policies': policies }
  return `${JSON.stringify(members).slice(0, -1)},"instance":"`
}

function closed(text: string, instance: string): Buffer {
  return Buffer.from(`${text}${instance}"}`)
}
