import { measureFleet } from './fleet.ts'
const n = Number(process.argv[2])
const f = await measureFleet(
  {
    gateways: n,
    processes: Number(process.argv[3] ?? 2),
    orders: Number(process.argv[4] ?? 30),
    leaseMs: 2000,
    restMs: Number(process.argv[5] ?? 200),
  },
  console.log,
)
const s = [...f.elapsedMs].sort((a, b) => a - b)
console.log(
  'n',
  s.length,
  'p50',
  s[s.length >> 1],
  'p99',
  s[Math.ceil(s.length * 0.99) - 1],
  'max',
  s.at(-1),
  'lost',
  f.leasesLost,
)
