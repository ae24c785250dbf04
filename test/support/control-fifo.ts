// A named pipe that nobody writes to: whoever opens it for reading in the ordinary way waits for ever.
import { execFileSync } from 'node:child_process'

export function makeFifo(path: string): void {
  execFileSync('/usr/bin/env', ['mkfifo', path])
}
