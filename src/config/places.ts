// Files and directories of a configuration: relative paths are resolved against its file.
import { dirname, relative, resolve, sep } from 'node:path'
import { DEFAULTS } from './defaults.ts'
import type { Draft } from './draft.ts'

export interface Places {
  readonly resolve: (path: string) => string
  readonly storeDir: string
  readonly auditDir: string
  readonly pseudonymKeyFile: string
  readonly detailKeysDir: string
  readonly locksFile?: string
}

export function placesOf(draft: Draft, file: string): Places {
  const resolved = (path: string): string => resolve(dirname(file), path)
  const storeDir = resolved(draft.store?.dir ?? DEFAULTS.store.dir)
  const locks = draft.locks?.file
  const auditDir = draft.audit?.dir === undefined ? resolve(storeDir, 'audit') : resolved(draft.audit.dir)
  const keys = draft.audit?.details?.keys
  return {
    resolve: resolved,
    storeDir,
    auditDir,
    detailKeysDir: keys === undefined ? `${auditDir}.keys` : resolved(keys),
    pseudonymKeyFile:
      draft.audit?.pseudonyms?.keyFile === undefined
        ? resolve(storeDir, 'pseudonym.key')
        : resolved(draft.audit.pseudonyms.keyFile),
    ...(locks === undefined ? {} : { locksFile: resolved(locks) }),
  }
}

/** Whether `path` is `directory` or lies below it. */
export function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path)
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`))
}
