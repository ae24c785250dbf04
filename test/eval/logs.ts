// The benign logs of ../shared/traffic, as the detectors read any log. They have no people: what stands for one is told here.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { BENIGN, type LogEvent } from '../../src/throttle/replay/event.ts'
import { createRandom, below } from '../../src/throttle/replay/random.ts'

const TRAFFIC = path.resolve(import.meta.dirname, '../../../shared/traffic')

export const hasTraffic = existsSync(TRAFFIC)

function linesOf(name: string): readonly string[] {
  return gunzipSync(readFileSync(path.join(TRAFFIC, name)))
    .toString('latin1')
    .trimEnd()
    .split('\n')
    .slice(1)
}

/** Shares of client stacks in per mille, since these logs have none: the last four are rare. */
const STACKS = [300, 210, 130, 100, 80, 60, 50, 30, 20, 8, 6, 4, 2]

function stackFor(client: string): string {
  let at = below(createRandom(hashOf(client)), 1_000)
  const index = STACKS.findIndex((share) => (at -= share) < 0)
  return `Browser ${String(index)}\nhost,user-agent,accept`
}

function hashOf(text: string): number {
  let hash = 7
  for (const char of text) hash = (Math.imul(hash, 31) + (char.codePointAt(0) ?? 0)) | 0
  return hash
}

/** NASA, July or August 1995: the mission or section that a page belongs to stands for a person, pictures belong to their page. */
export function nasa(name: 'nasa-http-19950701.tsv.gz' | 'nasa-http-19950801.tsv.gz'): readonly LogEvent[] {
  return linesOf(name).flatMap((line): LogEvent[] => {
    const [host, , time, method, url, status] = line.split('\t')
    const page = (url ?? '').split('?')[0] ?? ''
    if (host === undefined || host === '' || time === undefined || /[.](gif|jpg|xbm|mpg|wav)$/i.test(page)) return []
    const section = page
      .split('/')
      .filter((part) => part !== '')
      .slice(0, 2)
      .join('/')
    return [
      {
        time: Number(time) * 1000,
        address: host,
        route: 'page',
        method: method ?? 'GET',
        path: page,
        status: Number(status),
        subjects: [section === '' ? '/' : section],
        stack: stackFor(host),
        label: BENIGN,
      },
    ]
  })
}

/**
 * Those of EDGAR's clients who read no more companies in 71 seconds than a person could, each with its own lines as they were, at
 * a moment of its own within four hours: a whole morning of them.
 */
export function edgarMorning(): readonly LogEvent[] {
  const random = createRandom(2017)
  const lines = edgar()
  const began = lines[0]?.time ?? 0
  return [...Map.groupBy(lines, ({ address }) => address).values()]
    .filter((own) => new Set(own.flatMap(({ subjects }) => subjects)).size <= 12)
    .flatMap((own) => {
      const offset = below(random, 4 * 3_600_000)
      return own.map((event) => ({ ...event, time: began + offset + event.time - began, label: BENIGN }))
    })
    .sort((one, two) => one.time - two.time)
}

/** EDGAR, 71 seconds of 2017: mostly tools, unlabelled; a company stands for a person. */
export function edgar(): readonly LogEvent[] {
  return linesOf('edgar-2017-06-30-first71s.csv.gz').map((line): LogEvent => {
    const [ip = '', date = '', time = '', , cik = '', accession = '', , code = '200'] = line.split(',')
    return {
      time: Date.parse(`${date}T${time}Z`),
      address: ip,
      route: 'filing',
      method: 'GET',
      path: `/edgar/${accession}`,
      status: Number(code),
      subjects: [cik],
      stack: stackFor(ip),
    }
  })
}
