// Requests at a fixed rate whether or not the ones before have been answered, so that a stall is seen by all that it delays.
// Usage: node open-loop.mjs PORT RATE SECONDS CONNECTIONS TOKENS-FILE; prints latencies as JSON, in microseconds.
import { readFileSync } from 'node:fs'
import net from 'node:net'

const [port, rate, seconds, connections] = process.argv.slice(2, 6).map(Number)
const END = Buffer.from('\r\n\r\n')
// Written once: what this process makes for each request it collects again, and its pauses would count as the gateway's.
const requests = readFileSync(process.argv[6], 'utf8')
  .split('\n')
  .map(
    (token, n) => `GET /api/v2/beneficiaries/${n % 1000} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  )
/** Seconds in which this process compiles itself: asked, and not counted. */
const WARM_SECONDS = 1
const LATE_MS = 10_000
const total = rate * (seconds + WARM_SECONDS)
const latencies = new Float64Array(rate * seconds)
const idle = []
/** Due times of requests that wait for a connection, and how many of them have been taken. */
const waiting = new Float64Array(total)
let waitingFrom = 0
let waitingTo = 0
const { promise: allAnswered, resolve: answered } = Promise.withResolvers()
let failures = 0
let sent = 0
let came = 0
let counted = 0
let countsFrom = Infinity

function open() {
  let dueAt = 0
  let left = -1
  const onread = {
    buffer: Buffer.allocUnsafeSlow(16_384),
    callback(length, chunk) {
      let at = 0
      if (left < 0) {
        const end = chunk.subarray(0, length).indexOf(END)
        const head = chunk.toString('latin1', 0, end)
        if (!head.startsWith('HTTP/1.1 200')) failures += 1
        left = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        at = end + 4
      }
      left -= length - at
      if (left > 0) return true
      left = -1
      took(performance.now())
      return true
    },
  }
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, onread })
  const took = (now) => {
    if (dueAt >= countsFrom && counted < latencies.length) latencies[counted++] = (now - dueAt) * 1000
    came += 1
    if (came >= total) answered()
    free()
  }
  const free = () => {
    if (waitingFrom < waitingTo) ask(waiting[waitingFrom++])
    else idle.push(ask)
  }
  const ask = (due) => {
    dueAt = due
    socket.write(requests[sent++ % requests.length], 'latin1')
  }
  socket.on('connect', free)
  return new Promise((resolve) => socket.once('connect', resolve))
}

await Promise.all(Array.from({ length: connections }, open))
const start = performance.now()
countsFrom = start + WARM_SECONDS * 1000
let asked = 0
await new Promise((resolve) => {
  const tick = () => {
    const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate))
    for (; asked < due; asked++) {
      const at = start + (asked / rate) * 1000
      const ask = idle.pop()
      if (ask === undefined) waiting[waitingTo++] = at
      else ask(at)
    }
    if (asked >= total) resolve()
    else setImmediate(tick)
  }
  tick()
})
// Those that hang are failures, and not left out.
const late = setTimeout(answered, LATE_MS)
await allAnswered
clearTimeout(late)
failures += asked - came
const sorted = latencies.subarray(0, counted).sort()
const at = (share) => sorted[Math.min(counted - 1, Math.floor(counted * share))] ?? NaN
console.log(
  JSON.stringify({
    answered: counted,
    asked: latencies.length,
    failures,
    p50: at(0.5),
    p99: at(0.99),
    p999: at(0.999),
  }),
)
process.exit(0)
