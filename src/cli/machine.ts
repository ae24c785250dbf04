// What the command line needs of the machine that it runs on; main.ts hands in the real one.
import type { PseudonymKind } from '../core/pseudonym.ts'
import type { Instant } from '../core/time.ts'
import type { TrailIndex } from '../ports/trail-index.ts'
import type { ReadStream, WriteStream } from 'node:tty'

/** Starts the gateway and resolves with the exit code once it has stopped. It prints its own problems. */
type Serve = (options: { configFile: string }) => Promise<number>

/** Writes a recovery into the store of a gateway that is stopped. Never rejects for what stands in the way. */
type Recover = (options: {
  readonly configFile: string
  readonly responder: { readonly name: string; readonly role: string; readonly key: string; readonly keyId?: string }
  readonly reason: string
}) => Promise<{ readonly id: string; readonly gateway: string } | { readonly problems: readonly string[] }>

/** What reading a trail offline needs beyond files. */
interface Forensics {
  /** Rejects where the package of the index's engine is not installed. */
  readonly openIndex: (dir: string) => Promise<TrailIndex>
  /** Throws an Error where the file holds no key. */
  readonly pseudonymize: (keyFile: string, kind: PseudonymKind, values: readonly string[]) => readonly string[]
  /** Ids and days of the pseudonym keys in a text. Throws an Error where it holds none. */
  readonly readKeyRing: (text: string) => readonly { readonly id: string; readonly from: number }[]
  /** A new key, as a line of such a text. */
  readonly newPseudonymLine: (day: string) => string
  /** The account that runs this. */
  readonly accountName: () => string
}

/** Runs a witness until a signal stops it. Resolves with what stood in its way. */
type RunWitness = (options: {
  readonly dir: string
  readonly name: string
  readonly host: string
  readonly port: number
  readonly logs: readonly string[]
  readonly onReady: (facts: { readonly vkey: string; readonly port: number }) => void
  readonly onFailure: (problem: string) => void
}) => Promise<readonly string[]>

/** Accounts of authenticators (RFC 6238) in their file. Each throws an Error of one line that names the file. */
interface Authenticating {
  readonly startEnrolment: (
    file: string,
    account: string,
    issuer: string,
  ) => { readonly uri: string; isCode(code: string, now: Instant): boolean; write(): void }
  readonly listAccounts: (file: string) => readonly string[]
  readonly removeAccount: (file: string, account: string) => boolean
}

export interface Machine {
  readonly forensics: () => Promise<Forensics>
  readonly serve: Serve
  readonly recover: Recover
  readonly witness: RunWitness
  readonly authenticators: () => Promise<Authenticating>
  readonly env: Readonly<Record<string, string | undefined>>
  /** Wall clock, epoch milliseconds. */
  readonly now: () => Instant
  /** An id that no other order has. */
  readonly uniqueId: () => string
  readonly stdin: NodeJS.ReadableStream & Pick<ReadStream, 'isTTY'>
  readonly stdout: NodeJS.WritableStream & Pick<WriteStream, 'isTTY' | 'columns' | 'rows'>
  readonly stderr: NodeJS.WritableStream & Pick<WriteStream, 'isTTY'>
}
