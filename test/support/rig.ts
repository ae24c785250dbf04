// A raw upstream with a data plane in front of it, closed after each test.
import { afterEach } from '@jest/globals'
import { OK, startRawUpstream, type Answer, type RawUpstream } from './raw-upstream.ts'
import { startDataPlane, type DataPlane, type DataPlaneOptions } from './start-data-plane.ts'

export interface Rig {
  readonly plane: DataPlane
  readonly upstream: RawUpstream
}

export type StartRig = (options: Omit<DataPlaneOptions, 'upstream'>, answer?: Answer) => Promise<Rig>

/** To be called once in a test file. */
export function useRig(): StartRig {
  const opened: { close(): Promise<void> }[] = []
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close()
  })
  return async (options, answer = () => OK) => {
    const upstream = await startRawUpstream(answer)
    opened.push(upstream)
    const plane = await startDataPlane({ ...options, upstream: upstream.port })
    opened.push(plane)
    return { plane, upstream }
  }
}

/** Lets everything that is ready run: a round of the event loop for each hop between sockets on this machine. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Resolves once `holds`, asked again in each round of the event loop. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}
