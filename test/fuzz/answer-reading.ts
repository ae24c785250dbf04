// An independent, narrow reading of a stream of answers: of what a caller got, and of what an upstream meant.
import { BodyReading, Fault, framingOf, Inlet, readField, type Field } from './message-lines.ts'

export interface ReadAnswer {
  readonly status: number
  readonly fields: readonly Field[]
  readonly body: Buffer
  /** False where more of it was to come. */
  readonly isComplete: boolean
}

export interface ReadAnswers {
  /** Final answers, in order. */
  readonly answers: readonly ReadAnswer[]
  readonly interim: readonly number[]
  readonly fault: string | undefined
  /** Bytes after the last whole answer that no answer could be made of; they are the beginning of one, where there is no fault. */
  readonly rest: number
}

/**
 * `isHead` tells of each answer whether it answers a HEAD. `ended`: the connection ended in order, which delimits a body that
 * has no other end. With `atMost` the reading stops after so many answers, and what follows is the rest.
 */
export function readAnswers(
  bytes: Buffer,
  isHead: (fields: readonly Field[], index: number) => boolean,
  options: { readonly ended: boolean; readonly isPatient?: boolean; readonly atMost?: number },
): ReadAnswers {
  const { ended, isPatient = false, atMost = Infinity } = options
  const answers: ReadAnswer[] = []
  const interim: number[] = []
  const inlet = new Inlet()
  inlet.push(bytes)
  const made = (fault?: string): ReadAnswers => ({ answers, interim, fault, rest: inlet.length })
  try {
    while (inlet.length > 0 && answers.length < atMost) {
      const head = readHead(inlet, isPatient)
      if (head === undefined) return made()
      const { status, fields } = head
      if (status === 101) throw new Fault('a switch of protocols that nobody asked for')
      const framing = framingOf(fields)
      if (status < 200) {
        if (framing !== undefined) throw new Fault('an interim answer with a body')
        interim.push(status)
        continue
      }
      const bodiless = isHead(fields, answers.length) || status === 204 || status === 304
      if (!isPatient && framing === 'chunked' && status === 204) throw new Fault('a coding where no body can be')
      if (framing === undefined && !bodiless) {
        const body = inlet.take(inlet.length)
        answers.push({ status, fields, body, isComplete: ended })
        return made()
      }
      const reading = new BodyReading(bodiless ? 0 : (framing ?? 0), isPatient)
      try {
        reading.read(inlet)
      } finally {
        answers.push({ status, fields, body: reading.body, isComplete: reading.isDone })
      }
    }
    return made()
  } catch (error) {
    if (error instanceof Fault) return made(error.message)
    throw error
  }
}

function readHead(
  inlet: Inlet,
  isPatient: boolean,
): { readonly status: number; readonly fields: readonly Field[] } | undefined {
  const line = inlet.line()
  if (line === undefined) return undefined
  const found = (
    isPatient
      ? /^HTTP\/1\.[01] ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/
      : /^HTTP\/1\.1 ([1-5][0-9]{2}) [\t\x20-\x7e]*$/
  ).exec(line)
  if (found === null) throw new Fault('a line that is no status line')
  const fields: Field[] = []
  for (;;) {
    const next = inlet.line()
    if (next === undefined) return undefined
    if (next === '') return { status: Number(found[1]), fields }
    fields.push(readField(next))
  }
}
