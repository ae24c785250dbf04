// How far the heaps of this process grow between two collections of all that is old.
import { setFlagsFromString } from 'node:v8'

/**
 * V8 collects a small heap as soon as it has grown by half: under load a thread that holds 25 MB then stops for some ten
 * milliseconds every few seconds, marks with a core that requests wait for, and finds little. At four times what it holds it stops
 * twenty times as rarely, for some 75 MB a thread at the most. For threads that are started afterwards, too; to be called first.
 */
export function letHeapsGrow(): void {
  setFlagsFromString('--heap-growing-percent=300')
}
