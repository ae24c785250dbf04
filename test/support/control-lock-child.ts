// Holds the lock of a directory until it is killed; prints a line once it has it, and the error's one line where it has not.
import { lockDirectory } from '../../src/adapters/file/directory-lock.ts'

try {
  const lock = lockDirectory(process.argv[2] ?? '')
  process.stdout.write('locked\n')
  setInterval(() => lock, 60_000)
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`)
}
