// One record, one key: a parameter that names a person is taken in one spelling alone, because locks, throttle and trail go by it.
import { FORMATS, isInnocent } from './fold.ts'
import { parseTemplate, type Route } from './route.ts'
import { decodeSegment } from './target.ts'

/** Where in a route's path values stand, and what is asked of them. */
export interface ParamRules {
  /** Index of each segment that is a parameter; a rest is as many as there are. */
  readonly places: readonly {
    readonly at: number
    readonly isRest: boolean
    readonly names: 'person' | 'presumed' | 'nobody'
  }[]
  /** A session is asked for, or the route has a lock of its own: `;` parameters have no place there. */
  readonly isProtected: boolean
  /** What is not in here has one spelling. */
  readonly folded: RegExp
}

const FOLDED_IF_SAID = /[%;.$]/
const FOLDED = /[%;]|[.](?:\/|$)/

export function compileParamRules({ path, policy }: Route): ParamRules {
  const segments = parseTemplate(path)
  const { subjects, session, lock } = policy
  const isNamed = (name: string, sources: typeof subjects): boolean =>
    sources.some((source) => source.in === 'param' && source.name === name)
  const bound = session.bind.map(({ source }) => source)
  const places = ('problem' in segments ? [] : segments).flatMap((segment, at) => {
    if ('literal' in segment) return []
    const name = 'param' in segment ? segment.param : segment.rest
    const isSaid = isNamed(name, bound) || (policy.subjectsPresumed !== true && isNamed(name, subjects))
    const names = isSaid ? 'person' : isNamed(name, subjects) ? 'presumed' : 'nobody'
    return [{ at, isRest: 'rest' in segment, names } as const]
  })
  const hasPerson = places.some(({ names }) => names === 'person')
  return {
    places,
    isProtected: session.level !== 'none' || lock !== 'open',
    folded: hasPerson ? FOLDED_IF_SAID : FOLDED,
  }
}

/** Whether a value of this canonical path may be another spelling of the value that a lenient upstream reads. */
export function isRespelled({ places, isProtected, folded }: ParamRules, path: string): boolean {
  if (places.length === 0 || !folded.test(path)) return false
  const segments = path.slice(1).split('/')
  return places.some(({ at, isRest, names }) =>
    segments.slice(at, isRest ? undefined : at + 1).some((raw) => {
      if (!folded.test(raw)) return false
      if (isProtected && /;|%3B/.test(raw)) return true
      return names !== 'nobody' && isSecondSpelling(decodeSegment(raw), names === 'person')
    }),
  )
}

/**
 * The person is said to stand here by the config, or only presumed to (any parameter may): then a file's name, a question and a
 * number sign must pass. Case is never folded, and neither are the letters of any script: names come in all of them.
 */
function isSecondSpelling(value: string, isSaid: boolean): boolean {
  if (/^\p{Zs}|\p{Zs}$/u.test(value) || value.includes(';')) return true
  // What is still encoded is decoded by an upstream that stands behind another.
  if (/%(?:[0-9a-f]{2}|u[0-9a-f]{4})/i.test(value)) return true
  // Windows drops the dot of `7.`; the dot of `Murugan K.` is the name's own.
  if (value.endsWith('.') && /\d/.test(value)) return true
  if (isSaid && (/[?#]|::?\$/.test(value) || (!value.includes('@') && FORMATS.test(value)))) return true
  return /[^\u0000-\u007f]/.test(value) && !isInnocent(value) && isAsciiInDisguise(value)
}

/** Fullwidth, circled and mathematical letters fold to ASCII (NFKC); an id in another script's digits is read as a number. */
function isAsciiInDisguise(value: string): boolean {
  if (asciiOf(value.normalize('NFKD')) !== asciiOf(value.normalize('NFD'))) return true
  return /^[\u0000-\u007f\p{Nd}\p{Default_Ignorable_Code_Point}]*$/u.test(value)
}

function asciiOf(text: string): string {
  return text.replaceAll(/[^\u0000-\u007f]/g, '')
}
