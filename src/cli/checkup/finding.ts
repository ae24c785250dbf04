// What a checkup has found of one thing: well, worth a look, or to be mended, and how.

export interface Finding {
  readonly is: 'well' | 'doubtful' | 'bad'
  /** What was looked at: `disk`, `upstreams.registry`. */
  readonly of: string
  readonly text: string
  /** What would be right. */
  readonly mend?: string
}

export function well(of: string, text: string): Finding {
  return { is: 'well', of, text }
}

export function doubtful(of: string, text: string, mend: string): Finding {
  return { is: 'doubtful', of, text, mend }
}

export function bad(of: string, text: string, mend: string): Finding {
  return { is: 'bad', of, text, mend }
}

export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code === '' ? (error instanceof Error ? error.message : String(error)) : code
}
