// A problem of a configuration: where it stands, what is wrong and what would be right.

export type Path = readonly (string | number)[]

export interface Problem {
  /** From 1; 0 where the value came from the environment or the file could not be read at all. */
  readonly line: number
  readonly column: number
  /** `routes[0].session.maxAge`, or the environment variable's name; empty for the file as a whole. */
  readonly path: string
  readonly message: string
}

/** `routes[0].session`, with keys that would be ambiguous in quotes. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    const plain = /^[A-Za-z_][A-Za-z0-9_-]*$/.test(key)
    if (!plain) return `${text}[${quote(key)}]`
    return text === '' ? key : `${text}.${key}`
  }, '')
}

/** A text in double quotes on one line: controls, bidirectional marks and other invisible characters are escaped. */
export function quote(text: string): string {
  const short = text.length > 120 ? `${text.slice(0, 119)}…` : text
  return JSON.stringify(short).replaceAll(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16) ?? ''}}`,
  )
}

/** One line a problem, as compilers write them (`file:line:column: path: message`), so that editors and CI link to the place. */
export function formatProblems(problems: readonly Problem[], file: string): string {
  return problems.map((problem) => formatProblem(problem, file)).join('\n')
}

function formatProblem({ line, column, path, message }: Problem, file: string): string {
  const place = line > 0 ? `${file}:${line}:${column}` : path.startsWith('PORTCULLIS__') ? 'environment' : file
  return path === '' ? `${place}: ${message}` : `${place}: ${path}: ${message}`
}

/** In the order of the file; the environment's come last, and what is said twice of one place is said once. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const rank = (problem: Problem): number => (problem.line === 0 ? Infinity : problem.line)
  const seen = new Set<string>()
  return problems
    .filter((problem) => {
      const key = JSON.stringify([problem.line, problem.column, problem.path, problem.message])
      return !seen.has(key) && seen.add(key)
    })
    .sort((a, b) => (rank(a) === rank(b) ? a.column - b.column : rank(a) - rank(b)))
}
