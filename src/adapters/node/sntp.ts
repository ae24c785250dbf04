// Asks time servers how far this clock is off: SNTP, the client's half of NTPv4 (RFC 5905, 14; RFC 4330).
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { ClockReading } from '../../core/audit-record.ts'

const PACKET_BYTES = 48
/** Seconds from 1900 to 1970. */
const NTP_EPOCH = 2_208_988_800
const ERA_SECONDS = 2 ** 32
const SHORT = 2 ** 16

export interface TimeServer {
  readonly host: string
  readonly port: number
}

export interface SntpOptions {
  /** Epoch milliseconds. */
  readonly now: () => number
  /** Milliseconds that only grow. */
  readonly monotonicMs: () => number
  readonly timeoutMs: number
}

/** The reading, or what was wrong. Never rejects; the socket is closed when it resolves. */
export function askTime({ host, port }: TimeServer, options: SntpOptions): Promise<ClockReading> {
  const server = isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    const finish = (reading: Omit<ClockReading, 'server'>): void => {
      clearTimeout(timer)
      socket.removeAllListeners()
      socket.on('error', () => undefined)
      socket.close()
      resolve({ server, ...reading })
    }
    const timer = setTimeout(() => {
      finish({ problem: 'no answer in time' })
    }, options.timeoutMs)
    // A nonce in place of our time (RFC 9109 and draft-ietf-ntp-data-minimization): who does not see the question cannot answer it.
    const request = Buffer.alloc(PACKET_BYTES)
    request[0] = 0x23
    const nonce = randomBytes(8)
    nonce.copy(request, 40)
    socket.on('error', ({ message }) => {
      finish({ problem: message })
    })
    // A connected socket takes packets of the server alone.
    socket.connect(port, host, () => {
      const sentAt = options.now()
      const sentMs = options.monotonicMs()
      socket.on('message', (answer) => {
        // Measured by the clock that cannot be set meanwhile.
        const elapsedMs = options.monotonicMs() - sentMs
        if (answer.length < PACKET_BYTES || !answer.subarray(24, 32).equals(nonce)) return
        finish(readAnswer(answer, sentAt, elapsedMs))
      })
      socket.send(request)
    })
  })
}

function readAnswer(answer: Buffer, sentAt: number, elapsedMs: number): Omit<ClockReading, 'server'> {
  const leap = (answer[0] ?? 0) >> 6
  const mode = (answer[0] ?? 0) & 7
  const stratum = answer[1] ?? 0
  if (mode !== 4) return { problem: `an answer in mode ${mode}` }
  // RFC 5905, 7.4: it asks to be left alone, or is itself not set.
  if (stratum === 0)
    return { problem: `the server refuses: ${answer.toString('latin1', 12, 16).replaceAll(/[^A-Z0-9]/g, '')}` }
  if (leap === 3 || stratum > 15) return { problem: 'the server is not synchronised itself' }
  const received = instantOf(answer, 32, sentAt)
  const transmitted = instantOf(answer, 40, sentAt)
  const heldMs = transmitted - received
  if (heldMs < 0 || heldMs > elapsedMs + 1)
    return { problem: 'the answer left before the question came, or after it was here' }
  const offsetMs = (received - sentAt + (transmitted - (sentAt + elapsedMs))) / 2
  const delayMs = Math.max(0, elapsedMs - heldMs)
  return {
    offsetMs: round(offsetMs),
    delayMs: round(delayMs),
    rootDelayMs: round((answer.readInt32BE(4) / SHORT) * 1000),
    rootDispersionMs: round((answer.readUInt32BE(8) / SHORT) * 1000),
    stratum,
  }
}

/** An NTP timestamp as epoch milliseconds, in the era that is nearest to our own clock (RFC 5905, 6). */
function instantOf(answer: Buffer, at: number, near: number): number {
  const seconds = answer.readUInt32BE(at) - NTP_EPOCH + answer.readUInt32BE(at + 4) / ERA_SECONDS
  const eras = Math.round((near / 1000 - seconds) / ERA_SECONDS)
  return (seconds + eras * ERA_SECONDS) * 1000
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
