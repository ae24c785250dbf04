// Hot reload: the config file is read anew when its bytes change; what is wrong is named and changes nothing.
import { hash } from 'node:crypto'
import type { Lock } from '../core/lock.ts'
import type { Instant } from '../core/time.ts'
import { checkReload, findRestartNeeded, snapshotOf } from './check-reload.ts'
import type { Config } from './config.ts'
import type { Environment } from './process-environment.ts'
import { parseConfig } from './parse-config.ts'
import { formatProblems } from './problem.ts'
import { readText } from './read-config.ts'
import { createChangeTeller, type ConfigChange, type ConfigRefusal } from './tell-changes.ts'

export interface ConfigWatchOptions {
  readonly running: Config
  readonly env: Environment
  readonly now: () => Instant
  /** The locks in force, judged at the time of the reload. */
  readonly locks: () => readonly Lock[]
  /** Takes the config; resolves with why it could not be taken. */
  readonly apply: (next: Config) => Promise<readonly string[]>
  /** Told of each text that was judged, once: for the trail. */
  readonly tell: (change: ConfigChange) => void
}

export interface ConfigWatch {
  /** Looks at the file; for the caller's timer and SIGHUP. Resolves to whether a new config was taken. Never rejects. */
  tick(): Promise<boolean>
  /** Judges the file anew at the next look: a lock that stood against it may be gone. */
  lookAgain(): void
  /** What is wrong with the file as it stands now; empty where the running config is the file's. */
  readonly problems: readonly string[]
  /** Keys that differ from the running process and need a restart. */
  readonly restartNeeded: readonly string[]
  /** Keeps the running config when false. */
  readonly lastReloadOk: boolean
  /** SHA-256 of the text in force, hex; undefined before the first look. */
  readonly hash: string | undefined
}

/** Polled rather than watched: file watches miss the link swaps of a ConfigMap. A text is judged once two looks in a row have found it. */
export function createConfigWatch(options: ConfigWatchOptions): ConfigWatch {
  let running = options.running
  let seen: string | undefined
  let before: string | undefined
  let problems: readonly string[] = []
  let restartNeeded: readonly string[] = []
  let busy = false
  const teller = createChangeTeller(options.tell)

  const refuse = (reason: ConfigRefusal, why: readonly string[], text?: string): false => {
    problems = why
    teller.refused(reason, text)
    return false
  }

  const judge = async (text: string): Promise<boolean> => {
    const parsed = parseConfig(text, { file: running.file, env: options.env, now: options.now() })
    if ('problems' in parsed) return refuse('invalid', formatProblems(parsed.problems, running.file).split('\n'), text)
    const next = parsed.config
    const refused = checkReload(snapshotOf(running), snapshotOf(next), { locks: options.locks(), now: options.now() })
    if (refused.length > 0) {
      const why = refused.map(({ path, message }) => `${running.file}: ${path}: ${message}`)
      return refuse('lock-in-force', why, text)
    }
    const failed = await options.apply(next)
    if (failed.length > 0) return refuse('unusable', failed, text)
    problems = []
    restartNeeded = findRestartNeeded(options.running, next)
    running = next
    teller.taken(text, restartNeeded)
    return true
  }

  return {
    async tick() {
      if (busy) return false
      busy = true
      try {
        const text = await readText(running.file)
        const now = typeof text === 'string' ? hash('sha256', text) : text.problem
        if (seen === undefined && typeof text === 'string') {
          // The first look is at what the process was started with.
          seen = now
          teller.started(text)
          return false
        }
        // Whoever writes a file empties it and fills it in parts, and a part may be a config that lacks routes.
        const isSteady = now === before
        before = now
        if (now === seen || !isSteady) return false
        seen = now
        if (typeof text === 'string') return await judge(text)
        return refuse('unreadable', [`${running.file} ${text.problem}`])
      } finally {
        busy = false
      }
    },
    lookAgain() {
      if (problems.length > 0) seen = ''
    },
    get problems() {
      return problems
    },
    get restartNeeded() {
      return restartNeeded
    },
    get hash() {
      return teller.hash
    },
    get lastReloadOk() {
      return problems.length === 0
    },
  }
}
