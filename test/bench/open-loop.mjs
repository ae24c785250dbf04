// Requests at a fixed rate whether or not the ones before have been answered, so that a stall is seen by all that it delays.
// Usage: node open-loop.mjs PORT RATE SECONDS CONNECTIONS TOKENS-FILE; prints latencies as JSON, in microseconds.
import { readFileSync } from 'node:fs'
import net from 'node:net'

const [port, rate, seconds, connections] = process.argv.slice(2, 6).map(Number)
const tokens = readFileSync(process.argv[6], 'utf8').split('\n')
const END = Buffer.from('\r\n\r\n')
const latencies = []
const idle = []
/** Due times of requests that wait for a connection. */
const waiting = []
const { promise: allAnswered, resolve: answered } = Promise.withResolvers()
const LATE_MS = 10_000
let failures = 0
let sent = 0

function open() {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  let dueAt = 0
  let left = -1
  const free = () => {
    const next = waiting.shift()
    if (next === undefined) idle.push(ask)
    else ask(next)
  }
  const ask = (due) => {
    dueAt = due
    const n = sent++
    socket.write(
      `GET /api/v2/beneficiaries/${n % 1000} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens[n % tokens.length]}\r\n\r\n`,
    )
  }
  const opened = new Promise((resolve) => socket.once('connect', resolve))
  socket.on('connect', free)
  socket.on('data', (chunk) => {
    let at = 0
    if (left < 0) {
      const end = chunk.indexOf(END)
      const head = chunk.toString('latin1', 0, end)
      if (!head.startsWith('HTTP/1.1 200')) failures += 1
      left = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      at = end + 4
    }
    left -= chunk.length - at
    if (left > 0) return
    left = -1
    latencies.push((performance.now() - dueAt) * 1000)
    if (latencies.length >= rate * seconds) answered()
    free()
  })
  return opened
}

await Promise.all(Array.from({ length: connections }, open))
const start = performance.now()
let asked = 0
await new Promise((resolve) => {
  const tick = () => {
    const now = performance.now()
    const due = Math.min(rate * seconds, Math.floor(((now - start) / 1000) * rate))
    for (; asked < due; asked++) {
      const at = start + (asked / rate) * 1000
      const ask = idle.pop()
      if (ask === undefined) waiting.push(at)
      else ask(at)
    }
    if (asked >= rate * seconds) resolve()
    else setImmediate(tick)
  }
  tick()
})
// Those that hang are failures, and not left out.
const late = setTimeout(answered, LATE_MS)
await allAnswered
clearTimeout(late)
failures += asked - latencies.length
latencies.sort((a, b) => a - b)
const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN
console.log(
  JSON.stringify({ answered: latencies.length, asked, failures, p50: at(0.5), p99: at(0.99), p999: at(0.999) }),
)
process.exit(0)
