// How V8 collects garbage in this process (docs/performance.md has what it saves).
import { setFlagsFromString } from 'node:v8'

/**
 * To be called before any thread is started. Heaps may grow to four times what they hold: V8 collects a heap of 25 MB that grows
 * slowly every few seconds, and then a thread that is busy stops for some ten milliseconds and marks in steps of as many. The young
 * are collected by the thread whose they are: so few of them live that waking others costs more than they do.
 */
export function tuneCollector(): void {
  setFlagsFromString('--heap-growing-percent=300')
  setFlagsFromString('--no-parallel-scavenge')
}
