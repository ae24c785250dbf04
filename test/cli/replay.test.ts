// replay and simulate as their user runs them: any format, broken lines named, two configs side by side, labels counted.
import { writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { emptyFolder, json, run } from './support.ts'

const cwd = emptyFolder()
const config = (subjects: string) => `gateway: { listen: 127.0.0.1:8080 }
control: { responders: [] }
upstreams: { r: { url: http://127.0.0.1:9000 } }
routes:
  - { id: read, path: "/records/{id}", methods: [GET], upstream: r, session: none, subjects: [param.id], throttle: { subjects: ${subjects} } }
`
const line = (address: string, second: number, id: number) =>
  `${address} - - [10/Oct/2000:13:${String(10 + Math.floor(second / 60))}:${String(second % 60).padStart(2, '0')} +0000] "GET /records/${String(id)} HTTP/1.1" 200 26 "-" "Mozilla/5.0"`

beforeAll(() => {
  writeFileSync(join(cwd, 'a.yaml'), config('default'))
  writeFileSync(join(cwd, 'b.yaml'), config('5/h'))
  const walk = Array.from({ length: 20 }, (_none, index) => line('203.0.113.7', 20 * index, (index * 7919) % 10_007))
  writeFileSync(join(cwd, 'access.log'), [line('198.51.100.1', 0, 5), 'not a line', ...walk, 'nor this'].join('\n'))
})

describe('replay', () => {
  test('says who would be refused, how much leaked, and which lines are broken', async () => {
    const { code, stdout, stderr } = await run(
      ['replay', 'access.log', '--config', 'a.yaml', '--against', 'b.yaml', '--warm-up', '0', '--json'],
      { cwd },
    )
    expect(code).toBe(0)
    expect(stderr).toContain('2 broken lines were skipped: line 2 is not in the combined format; line 23')
    const { reports, lines } = json(stdout) as { reports: Record<string, unknown>[]; lines: number }
    expect(lines).toBe(21)
    expect(reports).toMatchObject([
      {
        config: 'a.yaml',
        clients: 2,
        refusedClients: 1,
        refusedRequests: 8,
        leaked: 12,
        detectors: [{ detector: 'new-subjects', secondsToFirst: 240 }],
      },
      { config: 'b.yaml', refusedClients: 1, leaked: 5 },
    ])
  })

  test('counts requests as the gateway does, before all else', async () => {
    writeFileSync(join(cwd, 'rate.yaml'), config('default').replace('throttle: {', 'throttle: { requests: 10/m,'))
    const again = Array.from({ length: 30 }, (_none, second) => line('203.0.113.7', second, 5))
    writeFileSync(join(cwd, 'again.log'), [...again, line('203.0.113.8', 31, 5)].join('\n'))
    const { stdout } = await run(['replay', 'again.log', '--config', 'rate.yaml', '--warm-up', '0', '--json'], { cwd })
    const [report] = (json(stdout) as { reports: Record<string, unknown>[] }).reports
    // Ten at once, and one more each six seconds.
    expect(report).toMatchObject({
      refusedClients: 1,
      refusedRequests: 16,
      detectors: [{ detector: 'request-rate', examples: [{ sentence: 'over 10 requests in 60 s' }] }],
    })
  })

  test('learns limits as the gateway would have, and goes by them where the config says so', async () => {
    for (const learn of ['enforce', 'shadow', 'off'])
      writeFileSync(join(cwd, `${learn}.yaml`), `${config('default')}throttle: { learn: ${learn} }\n`)
    const reads = (client: number, hour: number, people: number): string[] =>
      Array.from({ length: people }, (_none, each) => {
        const time = Date.UTC(2025, 0, 6, hour) + 40_000 * each
        return JSON.stringify({
          time,
          address: `10.0.${String(client)}.1`,
          subject: `x${String(500 * (100 * client + each))}`,
          status: 200,
        })
      })
    const lines = [...Array.from({ length: 60 }, (_none, client) => reads(client, 1, 12)).flat(), ...reads(99, 27, 13)]
    writeFileSync(join(cwd, 'taught.ndjson'), lines.toSorted().join('\n'))
    const leaks = async (learn: string) => {
      const found = await run(['replay', 'taught.ndjson', '--config', `${learn}.yaml`, '--warm-up', '0', '--json'], {
        cwd,
      })
      const [report] = (json(found.stdout) as { reports: { refusedRequests: number; limits: unknown[] }[] }).reports
      return [report?.refusedRequests, report?.limits.length, report?.limits]
    }
    expect(await leaks('enforce')).toEqual([
      0,
      6,
      expect.arrayContaining([expect.objectContaining({ role: 'address', minutes: 15, count: 13, accounts: 60 })]),
    ])
    expect((await leaks('shadow')).slice(0, 2)).toEqual([1, 6])
    expect((await leaks('off')).slice(0, 2)).toEqual([1, 0])
    const { stdout } = await run(['replay', 'taught.ndjson', '--config', 'shadow.yaml', '--warm-up', '0'], { cwd })
    expect(stdout).toMatch(/learned\n.*limit.*\n.*address +15 minutes +13 +60 /)
  })

  test.each([
    [
      'csv',
      'ip,date,time,cik,code\n1.2.3.4,2017-06-30,00:00:01,7,200.0\n1.2.3.4,nonsense,00:00:02,8,200\n',
      'time=date+time,address=ip,subject=cik,status=code',
    ],
    ['ndjson', '{"time":1498780801,"address":"1.2.3.4","subject":"7","status":200}\n{"time":\n', undefined],
  ])('reads %s, and skips a line without a time', async (format, text, columns) => {
    writeFileSync(join(cwd, `log.${format}`), text)
    const map = columns === undefined ? [] : ['--columns', columns]
    const { stdout } = await run(
      ['replay', `log.${format}`, '--config', 'a.yaml', '--warm-up', '0', '--json', ...map],
      { cwd },
    )
    expect(json(stdout)).toMatchObject({ format, lines: 1, broken: { count: 1 }, reports: [{ judged: 1, clients: 1 }] })
  })

  test.each([
    [['replay', 'none.log', '--config', 'a.yaml'], 'none.log: there is no such file'],
    [['replay', 'access.log', '--config', 'a.yaml', '--columns', 'who=ip'], '"who=ip": must be NAME=COLUMN'],
    [['replay', 'access.log', '--config', 'a.yaml', '--route', 'reed'], 'did you mean'],
    [['simulate', 'slow'], '--into LOG or --at URL'],
    [['simulate', 'fast', '--at', 'http://example.org'], 'must be an URL on loopback'],
  ])('%j is refused with what would be right', async (args, why) => {
    const { code, stderr } = await run(args, { cwd })
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)])
  })
})

test('simulate mixes the same lines for the same seed, and replay counts what they leak', async () => {
  const mix = (out: string) =>
    run(['simulate', 'slow', '--into', 'access.log', '--after', '30', '--seed', '4', '--out', out], { cwd })
  expect((await mix('one.ndjson')).code).toBe(0)
  await mix('two.ndjson')
  expect(readFileSync(join(cwd, 'one.ndjson'), 'utf8')).toBe(readFileSync(join(cwd, 'two.ndjson'), 'utf8'))
  const { stdout } = await run(['replay', 'one.ndjson', '--config', 'a.yaml', '--warm-up', '30m', '--json'], { cwd })
  const [report] = (json(stdout) as { reports: { labelled: { attacks: unknown } }[] }).reports
  expect(report?.labelled.attacks).toEqual([{ label: 'slow', asked: 720, leaked: 12, secondsToFirst: 240 }])
})
