// What leaves: OCSF events that lack nothing the published schema requires, CSV in which nothing runs.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { CSV_HEADING, toCsv } from '../../../src/audit/export/csv.ts'
import { checkOcsf, CLASSES, OBJECTS } from '../../../src/audit/export/ocsf-required.ts'
import { toOcsf } from '../../../src/audit/export/ocsf.ts'

interface Schema {
  readonly classes: Readonly<
    Record<string, { required: string[]; oneOf: string[]; known: string[]; activities: number[] }>
  >
  readonly objects: Readonly<Record<string, { required: string[]; oneOf: string[]; known: string[] }>>
  /** Attribute to object. */
  readonly types: Readonly<Record<string, string>>
}

const schema = JSON.parse(readFileSync(new URL('./ocsf-1.8.0.json', import.meta.url), 'utf8')) as Schema
const common = { time: 1_800_000_000_000, seq: 3, gateway: 'portcullis/gateway-a1', worker: 'w1' }

const RECORDS: readonly Record<string, unknown>[] = [
  {
    ...common,
    kind: 'request',
    phase: 'outcome',
    id: 'r1',
    client: '10.0.0.1',
    method: 'GET',
    route: 'x',
    path: '/x',
    decision: 'allow',
    epoch: 1,
    status: 200,
    bytes: 5,
    principal: 'k.p',
    session: 'k.s',
    issuer: 'k.i',
    application: 'app',
    otp: true,
    subjects: ['k.u'],
    durationMs: 1.5,
  },
  {
    ...common,
    kind: 'request',
    phase: 'decision',
    id: 'r2',
    client: 'unix',
    method: 'PROPFIND',
    path: '12:k.x',
    decision: 'rejected',
    reason: 'malformed-target',
    epoch: 1,
  },
  ...['locked', 'unauthenticated', 'forbidden', 'throttled', 'error'].map((decision) => ({
    ...common,
    kind: 'request',
    phase: 'outcome',
    id: 'r3',
    client: '::1',
    method: 'POST',
    path: '/x',
    decision,
    epoch: 1,
    status: 503,
    lock: 'L1',
  })),
  ...['lock', 'release', 'enrol', 'retire', 'revoke', 'freeze', 'flags', 'unknown'].flatMap((order) =>
    ['accepted', 'refused', 'released'].map((outcome) => ({
      ...common,
      kind: 'order',
      order,
      outcome,
      id: 'o1',
      by: 'lead',
      channel: 'api',
      epoch: 2,
      locks: ['L1'],
      reason: 'leak',
      incident: 'INC-7',
    })),
  ),
  { ...common, kind: 'order', order: 'flags', outcome: 'accepted', channel: 'file', epoch: 2 },
  { ...common, kind: 'session', action: 'pseudonyms', by: 'lead', count: 3 },
  { ...common, kind: 'session', action: 'login', principal: 'k.p', otp: true },
  { ...common, kind: 'session', action: 'sent' },
  { ...common, kind: 'access', action: 'search', state: 'begun', by: 'lead', query: { routes: ['x'] } },
  { ...common, kind: 'anomaly', detector: 'subjects', reason: 'too many' },
  { ...common, kind: 'gap', lost: 3, reason: 'disk' },
  ...['open', 'note', 'close'].flatMap((action) =>
    ['accepted', 'refused'].map((outcome) => ({
      ...{ ...common, kind: 'order', order: 'incident', outcome, id: 'o2', by: 'lead', channel: 'api', epoch: 2 },
      ...{ action, incident: 'INC-7', reason: 'leak' },
    })),
  ),
  ...['portcullis.otp.request', 'portcullis.otp.verify'].flatMap((route) =>
    [
      { decision: 'allow', status: 200, subjects: ['k.u'] },
      { decision: 'throttled', status: 429 },
    ].map((how) => ({
      ...{ ...common, kind: 'request', phase: 'outcome', id: 'r4', client: '10.0.0.1', method: 'POST', route },
      ...{ path: '/.portcullis/otp', epoch: 1, ...how },
    })),
  ),
  ...['proof', 'start', 'stop', 'clock', 'lease', 'retention', 'of-tomorrow'].map((kind) => ({
    ...common,
    kind,
    epoch: 1,
  })),
]

/** All that the schema requires, by its own files: of the class and of each object below. */
function lacks(event: Record<string, unknown>): string[] {
  const own = schema.classes[String(event.class_uid)]
  if (own === undefined) return ['no such class']
  const activity = own.activities.includes(Number(event.activity_id)) ? [] : [`activity ${String(event.activity_id)}`]
  return [...activity, ...lacksOf(String(event.class_uid), own, event)]
}

function lacksOf(
  name: string,
  rule: { required: string[]; oneOf: string[]; known: string[] },
  value: Record<string, unknown>,
): string[] {
  const missing = rule.required.filter((each) => value[each] === undefined).map((each) => `${name}.${each}`)
  if (rule.oneOf.length > 0 && !rule.oneOf.some((each) => value[each] !== undefined))
    missing.push(`${name}: one of ${rule.oneOf.join()}`)
  const unknown = Object.keys(value)
    .filter((each) => !rule.known.includes(each))
    .map((each) => `${name}: unknown ${each}`)
  const below = Object.entries(value).flatMap(([key, each]) => {
    const object = schema.objects[schema.types[key] ?? '']
    if (object === undefined || key === 'unmapped') return []
    return [each].flat().flatMap((one) => lacksOf(key, object, one as Record<string, unknown>))
  })
  return [...missing, ...unknown, ...below]
}

describe('OCSF', () => {
  test.each(RECORDS)('an event of a $kind $order $outcome $decision $action lacks nothing', (record) => {
    const event = toOcsf(7, record)
    expect([event, lacks(event)]).toEqual([event, []])
    expect(checkOcsf(event)).toEqual([])
    expect(JSON.parse(JSON.stringify(event))).toEqual(event)
  })

  test.each([
    [{ order: 'incident', action: 'open', outcome: 'accepted' }, [2005, 1, 2]],
    [{ order: 'incident', action: 'close', outcome: 'accepted' }, [2005, 3, 5]],
    [{ order: 'incident', action: 'open', outcome: 'refused' }, [3004, 99, 2]],
    [{ kind: 'request', route: 'portcullis.otp.request', status: 202, decision: 'allow' }, [3002, 6, 1]],
    [{ kind: 'request', route: 'portcullis.otp.verify', status: 401, decision: 'unauthenticated' }, [3002, 1, 2]],
  ])('incidents and one-time passwords are of their own classes: %j', (words, expected) => {
    const {
      class_uid: uid,
      activity_id: activity,
      status_id: status,
    } = toOcsf(1, { ...common, kind: 'order', ...words })
    expect([uid, activity, status]).toEqual(expected)
  })

  test('what is required stands in the code as in the schema', () => {
    for (const [uid, { required, oneOf = [], activities }] of Object.entries(CLASSES)) {
      const published = schema.classes[uid]
      expect([uid, [...required].sort(), [...oneOf].sort()]).toEqual([
        uid,
        published?.required,
        [...(published?.oneOf ?? [])].sort(),
      ])
      expect(Math.max(...(published?.activities ?? []).filter((each) => each < 99))).toBe(activities)
    }
    for (const [name, { required, oneOf = [] }] of Object.entries(OBJECTS)) {
      const published = schema.objects[schema.types[name] ?? name]
      expect([name, [...required].sort(), [...oneOf].sort()]).toEqual([
        name,
        published?.required,
        [...(published?.oneOf ?? [])].sort(),
      ])
    }
  })

  test('an event that lacks something is told what', () => {
    const event = toOcsf(7, RECORDS[0] ?? {})
    for (const name of ['actor', 'api', 'src_endpoint', 'metadata', 'time']) {
      const { [name]: _left, ...rest } = event
      expect(checkOcsf(rest).join()).toContain(name)
    }
    expect(checkOcsf({ ...event, actor: {} })).toEqual([expect.stringContaining('actor lacks one of')])
    expect(checkOcsf({ ...event, type_uid: 1 })).toEqual([expect.stringContaining('type_uid')])
    expect(checkOcsf({ class_uid: 9999 })).toHaveLength(1)
  })

  test('types are those of the table: lock 300412, release 300413, read 600302', () => {
    const typeOf = (record: Record<string, unknown>): unknown => toOcsf(0, { ...common, ...record }).type_uid
    expect(typeOf({ kind: 'order', order: 'lock', outcome: 'accepted' })).toBe(300412)
    expect(typeOf({ kind: 'order', order: 'approve', outcome: 'released' })).toBe(300413)
    expect(typeOf({ kind: 'request', method: 'GET', decision: 'allow' })).toBe(600302)
    expect(typeOf({ kind: 'request', method: 'DELETE', decision: 'allow' })).toBe(600304)
  })
})

/** A reader of RFC 4180, as a spreadsheet has one. */
function parseCsv(text: string): string[] {
  const cells: string[] = []
  let at = 0
  while (at <= text.length) {
    if (text[at] === '"') {
      let cell = ''
      for (at += 1; ; at += 1) {
        if (text[at] !== '"') cell += text[at] ?? ''
        else if (text[at + 1] === '"') {
          cell += '"'
          at += 1
        } else break
      }
      cells.push(cell)
      at += 2
    } else {
      const end = text.indexOf(',', at)
      cells.push(text.slice(at, end < 0 ? undefined : end))
      at = end < 0 ? text.length + 1 : end + 1
    }
  }
  return cells
}

describe('CSV', () => {
  test('has a cell for each heading, whatever stands in the record', () => {
    const columns = parseCsv(CSV_HEADING.trimEnd()).length
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('=1+1', '+x', '-x', '@x', '\t=x', '"', ',', '\r\n', " =cmd|'/c calc'!A1", '\uff1d1'),
    )
    fc.assert(
      fc.property(nasty, nasty, nasty, (id, path, extra) => {
        const line = toCsv(5, { time: 1, kind: 'request', id, path, extra })
        expect(line.endsWith('\r\n')).toBe(true)
        const cells = parseCsv(line.slice(0, -2))
        expect(cells).toHaveLength(columns)
        for (const cell of cells) expect(cell).not.toMatch(/^[\s\u00a0\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r]/u)
        expect([id, `'${id}`]).toContain(cells[4])
      }),
      { numRuns: 500 },
    )
  })
})
