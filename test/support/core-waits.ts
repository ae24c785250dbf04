// What a machine that is busy with other tests adds to a time that is promised: the time for which a thread was ready and had no core.
import { readdirSync, readFileSync } from 'node:fs'

const MS = 1e-6

/** By thread, in milliseconds since it began; none where the kernel does not tell. */
function waitsOf(pid: number): ReadonlyMap<string, number> {
  const found = new Map<string, number>()
  const tasks = `/proc/${String(pid)}/task`
  try {
    for (const thread of readdirSync(tasks)) {
      const [, waited = ''] = readFileSync(`${tasks}/${thread}/schedstat`, 'latin1').split(' ')
      found.set(thread, Number(waited) * MS)
    }
  } catch {
    // No Linux, or a thread that ended between the two: what is not known is not taken off.
  }
  return found
}

/** From now on; gives the milliseconds that were lost so: in each process by the thread that waited longest, one process after the other. */
export function countCoreWaits(...pids: readonly (number | undefined)[]): () => number {
  const each = [process.pid, ...pids.filter((pid) => pid !== undefined)].map((pid) => [pid, waitsOf(pid)] as const)
  return () =>
    each.reduce(
      (sum, [pid, before]) =>
        sum + Math.max(0, ...[...waitsOf(pid)].map(([thread, now]) => now - (before.get(thread) ?? now))),
      0,
    )
}
