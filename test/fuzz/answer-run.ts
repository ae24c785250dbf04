// Plays what a hostile upstream says against gateways of their own: the caller gets what was meant, or an abort, and the next one the truth.
import net from 'node:net'
import { startDataPlane } from '../support/start-data-plane.ts'
import { readAnswers, type ReadAnswer } from './answer-reading.ts'
import { answerCase, type AnswerCase } from './answers.ts'
import type { Finding } from './case.ts'
import { PATIENT } from './arena.ts'
import { startHostileUpstream, type HostileUpstream } from './hostile-upstream.ts'
import type { Field } from './message-lines.ts'
import type { Failure } from './request-run.ts'
import { afterRunning, turn } from './ticks.ts'
import { toldBy } from '../support/told.ts'

export interface AnswerRun {
  play(seed: number): Promise<Failure | undefined>
  close(): Promise<void>
}

/** How many gateways there are, each with a case at a time. */
export const GATEWAYS = 6

export interface Through {
  readonly port: number
  close(): Promise<void>
}

interface Seat {
  readonly plane: Through
  readonly upstream: HostileUpstream
  caller: Caller | undefined
}

/** `through` puts something else in the gateway's place, to see that the judge notices. */
export async function startAnswerRun(through?: (upstream: number) => Promise<Through>): Promise<AnswerRun> {
  const seats = await Promise.all(Array.from({ length: GATEWAYS }, () => openSeat(through)))
  const free = [...seats]
  const waiting: ((seat: Seat) => void)[] = []
  return {
    async play(seed) {
      const seat = free.pop() ?? (await new Promise<Seat>((resolve) => waiting.push(resolve)))
      const one = answerCase(seed)
      const findings: Finding[] = []
      try {
        await playOne(one, seat, (rule, detail) => void findings.push({ rule, detail }))
      } finally {
        const next = waiting.shift()
        if (next === undefined) free.push(seat)
        else next(seat)
      }
      return findings.length === 0 ? undefined : { seed, kind: 'answers', bytes: Buffer.concat(one.pieces), findings }
    },
    async close() {
      for (const { caller, plane, upstream } of seats) {
        caller?.socket.destroy()
        await plane.close()
        await upstream.close()
      }
    },
  }
}

async function openSeat(through?: (upstream: number) => Promise<Through>): Promise<Seat> {
  const upstream = await startHostileUpstream()
  if (through !== undefined) return { plane: await through(upstream.port), upstream, caller: undefined }
  const plane = await startDataPlane({
    routes: [{ path: '/open', methods: ['GET', 'POST'] }],
    upstream: upstream.port,
    // One connection, so that the next exchange meets whatever was left on it.
    pool: { connectionsMax: 1, ...PATIENT },
    gateway: (base) => ({
      telemetry: { ...base.telemetry, settled: () => undefined },
      trail: { append: () => 1, durable: kept, onDurable: toldBy(kept), healthy: true },
      refusals: { isOwn: () => true, flush: () => undefined },
    }),
  })
  return { plane, upstream, caller: undefined }
}

const kept = (): Promise<void> => Promise.resolve()

type Wrong = (rule: string, detail: string) => void

async function playOne(one: AnswerCase, seat: Seat, wrong: Wrong): Promise<void> {
  seat.upstream.plan(one)
  const got = await ask(seat, one.method, one.marker)
  judgeFirst(one, got, (rule) => {
    wrong(rule, `${one.method}, then ${one.then}; the caller got: ${got.bytes.toString('latin1')}`)
  })
  while (seat.upstream.isTalking) await turn()
  seat.upstream.sayLate()
  for (let round = 0; round < ROUNDS; round++) await turn()
  const marker = `${one.marker}-next`
  const next = await ask(seat, 'GET', marker)
  const truth = next.answers[0]
  if (
    next.answers.length !== 1 ||
    truth?.isComplete !== true ||
    truth.status !== 200 ||
    truth.body.toString() !== `truth for ${marker}`
  )
    wrong(
      `the next exchange came to harm${next.end === undefined ? '' : ` (${next.end})`}`,
      `${one.method}, then ${one.then}, late ${String(one.late)}; the caller got: ${next.bytes.toString('latin1')}`,
    )
}

/** Rounds of the event loop in which what lies on an idle connection is found. */
const ROUNDS = 6

interface Got {
  readonly answers: readonly ReadAnswer[]
  readonly interim: readonly number[]
  readonly fault: string | undefined
  readonly bytes: Buffer
  readonly end: 'end' | 'reset' | 'never' | undefined
}

class Caller {
  readonly socket: net.Socket
  received: Buffer = Buffer.alloc(0)
  end: Got['end']
  onChange: () => void = () => undefined

  constructor(port: number) {
    this.socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
    const ended = (how: 'end' | 'reset') => () => {
      this.end ??= how
      this.onChange()
    }
    this.socket.once('end', ended('end')).once('error', ended('reset')).once('close', ended('reset'))
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk as Buffer])
      this.onChange()
    })
  }
}

const NEVER_MS = 5_000

async function ask(seat: Seat, method: string, marker: string): Promise<Got> {
  if (seat.caller === undefined || seat.caller.end !== undefined) seat.caller = new Caller(seat.plane.port)
  const { caller } = seat
  caller.received = Buffer.alloc(0)
  const body = method === 'POST' ? 'Content-Length: 5\r\n\r\nhello' : '\r\n'
  caller.socket.write(`${method} /open HTTP/1.1\r\nHost: api.example.in\r\nX-Marker: ${marker}\r\n${body}`)
  const read = () => readAnswers(caller.received, () => method === 'HEAD', { ended: caller.end === 'end' })
  await new Promise<void>((resolve) => {
    const forget = afterRunning(NEVER_MS, () => {
      caller.end = 'never'
      caller.onChange()
    })
    caller.onChange = () => {
      const { answers, fault } = read()
      if (caller.end === undefined && answers[0]?.isComplete !== true && fault === undefined) return
      forget()
      resolve()
    }
    caller.onChange()
  })
  caller.onChange = () => undefined
  // What follows the answer is found too; an answer with `Connection: close` is followed by its end.
  for (let round = 0; round < 2; round++) await turn()
  const { answers, interim, fault, rest } = read()
  const got = {
    answers,
    interim,
    fault: fault ?? (rest > 0 && answers[0]?.isComplete === true ? 'bytes after the answer' : undefined),
    bytes: caller.received,
    end: caller.end,
  }
  const closes = answers[0]?.fields.some(
    ([name, value]) => name.toLowerCase() === 'connection' && value.toLowerCase() === 'close',
  )
  if (closes === true || got.end !== undefined || got.fault !== undefined) {
    caller.socket.destroy()
    seat.caller = undefined
  }
  return got
}

function judgeFirst(one: AnswerCase, got: Got, wrong: (rule: string) => void): void {
  if (got.end === 'never') wrong('no answer and no end')
  if (got.fault !== undefined) wrong(`an answer that is malformed: ${got.fault}`)
  if (got.answers.length > 1) wrong('two answers to one request')
  const [answer] = got.answers
  if (answer === undefined || !answer.isComplete) {
    if (one.isWellFormed && one.meant !== undefined && one.then !== 'reset')
      wrong('a well-formed answer that did not arrive')
    return
  }
  if (isOwn(answer)) {
    if (one.isWellFormed && one.meant !== undefined && one.then !== 'reset')
      wrong('a well-formed answer that was refused')
    return
  }
  const { meant } = one
  if (meant === undefined) wrong('an answer that the upstream did not give whole')
  else if (answer.status !== meant.status) wrong('another status than the upstream gave')
  else if (!answer.body.equals(meant.body)) wrong('another body than the upstream gave')
  else checkFields(answer.fields, meant.fields, wrong)
}

/** The gateway's own refusal. */
function isOwn({ status, fields }: ReadAnswer): boolean {
  return (
    status >= 500 &&
    fields.some(([name, value]) => name.toLowerCase() === 'content-type' && value === 'application/problem+json')
  )
}

const OWN = /^(?:date|connection|keep-alive|transfer-encoding|content-length|x-request-id)$/i

function checkFields(fields: readonly Field[], meant: readonly Field[], wrong: (rule: string) => void): void {
  for (const [name, value] of fields) {
    if (OWN.test(name)) continue
    if (!meant.some(([each, said]) => each === name && said === value))
      wrong(`a field that the upstream did not give: ${name}`)
    if (/^(?:upgrade|trailer|te|proxy-.*)$/i.test(name)) wrong(`a field that must not pass: ${name}`)
  }
}
