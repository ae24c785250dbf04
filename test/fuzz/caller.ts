// Plays one case on a connection of its own and brings home every byte that came back.
import net from 'node:net'
import type { FuzzCase } from './case.ts'
import { afterRunning, turn } from './ticks.ts'

export interface Heard {
  readonly bytes: Buffer
  /** How the gateway ended the connection: in order, by a reset, or not at all. */
  readonly end: 'end' | 'reset' | 'never'
}

/** A caller that gets nothing more for so long says that it has no more to say: the gateway may be waiting for it. */
const SILENCE_MS = 150
/** A connection that outlives its caller's last byte by so much is a finding. */
const NEVER_MS = 8_000

/** `isEnough`: every answer that can be hoped for has come. */
export async function play(
  one: FuzzCase,
  to: { readonly port: number; readonly from: string },
  isEnough: (received: Buffer) => boolean,
): Promise<Heard> {
  const socket = net.connect({ port: to.port, host: '127.0.0.1', localAddress: to.from, noDelay: true })
  const received: Buffer[] = []
  let end: Heard['end'] | undefined
  let wake = (): void => undefined
  const over = new Promise<void>((resolve) => {
    const ended = (how: Heard['end']) => () => {
      end ??= how
      resolve()
      wake()
    }
    socket.once('end', ended('end')).once('error', ended('reset')).once('close', ended('reset'))
  })
  socket.on('data', (chunk) => {
    received.push(chunk as Buffer)
    wake()
  })
  const isOver = (): boolean => end !== undefined
  for (const piece of one.pieces) {
    if (isOver()) break
    socket.write(piece)
    await turn()
  }
  if (one.manner === 'patient') {
    await new Promise<void>((resolve) => {
      let forget = (): void => undefined
      wake = () => {
        forget()
        if (isOver() || isEnough(Buffer.concat(received))) resolve()
        else forget = afterRunning(SILENCE_MS, resolve)
      }
      wake()
    })
    wake = () => undefined
  }
  if (one.manner === 'gone') socket.resetAndDestroy()
  else socket.end()
  const forget = afterRunning(NEVER_MS, () => {
    end ??= 'never'
    socket.destroy()
  })
  await over
  forget()
  socket.destroy()
  return { bytes: Buffer.concat(received), end: end ?? 'never' }
}
