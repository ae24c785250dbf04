// Text and environment to a Config, or to every problem at once, each with its line and column.
import type { Instant } from '../core/time.ts'
import { buildConfig } from './build-config.ts'
import { checkControl } from './check-control.ts'
import { checkNotify } from './check-notify.ts'
import { checkOtp } from './check-otp.ts'
import { checkAddresses, checkDirectories } from './check-places.ts'
import { checkRoutes, type Report } from './check-routes.ts'
import { checkSessions } from './check-session.ts'
import type { Config } from './config.ts'
import { draftOf } from './draft.ts'
import { applyEnvironment, type Overridden } from './environment.ts'
import type { Environment } from './process-environment.ts'
import { explainIssue, findingsOf, type Finding } from './explain.ts'
import { placesOf } from './places.ts'
import { formatPath, sortProblems, type Path, type Problem } from './problem.ts'
import { documentSchema } from './schema.ts'
import { parseYaml, type YamlSource } from './yaml-source.ts'

export interface ParseOptions {
  /** Where the text came from: relative paths in it are resolved against this. */
  readonly file: string
  readonly env: Environment
  /** The present, in epoch milliseconds: who has been retired. Without it, whoever has a date. */
  readonly now?: Instant
}

/** Parses a configuration (YAML 1.2, and so JSON). Never throws: what is wrong comes back as problems, in the order of the file. */
export function parseConfig(
  text: string,
  { file, env, now }: ParseOptions,
): { readonly config: Config } | { readonly problems: readonly Problem[] } {
  const source = parseYaml(text)
  const overridden = applyEnvironment(source.value, env)
  const document = overridden.value ?? undefined
  const problems: Problem[] = [
    ...source.problems,
    ...overridden.problems.map(({ variable, message }) => ({ line: 0, column: 0, path: variable, message })),
  ]
  if (document === undefined) {
    if (source.problems.length > 0) return { problems: sortProblems(problems) }
    return {
      problems: [
        {
          line: 1,
          column: 1,
          path: '',
          message: 'is empty: it must be a mapping, of which routes and upstreams are the least',
        },
      ],
    }
  }
  const result = documentSchema.safeParse(document, { reportInput: true, error: explainIssue })
  const findings: Finding[] = result.success ? [] : [...findingsOf(result.error.issues)]
  const report: Report = (path, message, atKey = false) => findings.push({ path, message, atKey })
  const draft = draftOf(document)
  checkRoutes(draft, report)
  checkControl(draft, now, report)
  checkNotify(draft, report)
  const places = placesOf(draft, file)
  checkAddresses(draft, places, report)
  checkDirectories(draft, places, report)
  checkSessions(draft, report)
  checkOtp(draft, places, report)
  problems.push(...findings.flatMap((finding) => locate(finding, source, overridden)))
  if (result.success && problems.length === 0) return { config: buildConfig(result.data, file) }
  return { problems: sortProblems(problems) }
}

/** Behind the first place where the text stops being YAML nothing is known for sure, so nothing is said of it. */
function locate(finding: Finding, source: YamlSource, overridden: Overridden): readonly Problem[] {
  const origin = overridden.origins.findLast(({ path }) => startsWith(finding.path, path))
  if (origin !== undefined)
    return [{ line: 0, column: 0, path: origin.variable, message: `${formatPath(finding.path)} ${finding.message}` }]
  const problem = source.place(finding)
  const isDoubtful =
    source.doubtfulFrom < Infinity && (problem.line >= source.doubtfulFrom || finding.message.startsWith('is missing'))
  return isDoubtful ? [] : [problem]
}

function startsWith(path: Path, prefix: Path): boolean {
  return prefix.every((key, index) => path[index] === key)
}
