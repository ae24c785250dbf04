// A canary asks for a locked route through this worker's own listener and pipeline, and shows the refusal: the proof of a freeze.
import { duplexPair, type Duplex } from 'node:stream'
import type { Route } from '../core/route.ts'
import type { CanaryProof, CanaryRoute } from '../ports/data-plane.ts'
import type { CanaryLine } from './canary-door.ts'
import { resetConnection } from './connection.ts'
import { DRILL_FIELD } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import type { GatewayServer } from './server.ts'

export type ShownCanary = Omit<CanaryProof, 'worker'>

/** Less than the main thread waits. */
const LIMIT_MS = 900

interface Question {
  readonly route: Route
  readonly stands: number
  readonly method: string
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** One proof a route that this worker knows; each canary goes through listener, parser, pipeline and locks, and is never forwarded. */
export async function proveRefusals(
  server: GatewayServer,
  gateway: Gateway,
  asked: readonly CanaryRoute[],
  drill?: string,
): Promise<readonly ShownCanary[]> {
  const { routes } = gateway.settings.routes
  const questions = asked.flatMap(({ route: id, stands }): readonly Question[] => {
    const route = routes.find((each) => each.id === id)
    return route === undefined ? [] : [{ route, stands, method: methodOf(route) }]
  })
  const answers = await askAll(server, questions, drill)
  return questions.map(({ route, stands }, index) => {
    const { status, body } = answers[index] ?? { status: 0, body: '' }
    return {
      epoch: gateway.view.epoch,
      route: route.id,
      status,
      refused: body.includes('urn:portcullis:problem:locked'),
      at: gateway.clock.now(),
      stands,
    }
  })
}

/** One that changes something, where there is one: so that a read-only lock is shown. */
function methodOf({ methods }: Route): string {
  return methods.find((each) => each !== 'GET' && each !== 'HEAD') ?? methods[0] ?? 'GET'
}

/** In their order; what was not answered in time is missing at the end. A connection that ends early is followed by a fresh one. */
async function askAll(
  server: GatewayServer,
  questions: readonly Question[],
  drill: string | undefined,
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  const limit = AbortSignal.timeout(LIMIT_MS)
  while (answers.length < questions.length && !limit.aborted) {
    const line = await openLine(server, () => limit.aborted)
    const got = line === undefined ? [] : await askOn(line, questions.slice(answers.length), drill)
    if (got.length === 0) break
    answers.push(...got)
  }
  return answers
}

/** Where nothing listens (before the start, and in a drain) there is no way in for anybody else either: parser and pipeline are shown. */
async function openLine(server: GatewayServer, isLate: () => boolean): Promise<CanaryLine | undefined> {
  if (server.listener.listening) return server.canaries.open(server.listener, isLate)
  const [line, theirs] = duplexPair()
  server.accept(theirs, true)
  return { line, fields: '' }
}

/** All of them at once, one after the other on one connection. */
function askOn(
  { line, fields }: CanaryLine,
  questions: readonly Question[],
  drill: string | undefined,
): Promise<readonly Answer[]> {
  const drilled = drill === undefined ? '' : `${DRILL_FIELD}: ${drill}\r\n`
  const heads = questions.map(({ route, method }, index) => {
    const path = route.path.replaceAll(/\{[^}]+\}/g, 'canary')
    return `${method} ${path} HTTP/1.1\r\nHost: canary\r\n${index === 0 ? fields : ''}${drilled}\r\n`
  })
  const answered = readAnswers(line, questions)
  line.write(heads.join(''))
  return answered
}

function readAnswers(line: Duplex, questions: readonly Question[]): Promise<readonly Answer[]> {
  return new Promise((resolve) => {
    const answers: Answer[] = []
    let text = ''
    const done = (): void => {
      clearTimeout(late)
      // So that neither end is left waiting for the other's last word, and the port is free for the next.
      resetConnection(line)
      resolve(answers)
    }
    const late = setTimeout(done, LIMIT_MS)
    line.setEncoding('latin1')
    line.on('data', (chunk: string) => {
      text += chunk
      for (
        let found = readAnswer(text, questions[answers.length]?.method);
        found !== undefined && answers.length < questions.length;
        found = readAnswer(text, questions[answers.length]?.method)
      ) {
        answers.push(found.answer)
        text = text.slice(found.length)
      }
      if (answers.length === questions.length) done()
    })
    line.once('end', done)
    line.once('close', done)
    line.once('error', done)
  })
}

/** The first answer of the text, where it is there whole. */
function readAnswer(
  text: string,
  method: string | undefined,
): { readonly answer: Answer; readonly length: number } | undefined {
  const headLength = text.indexOf('\r\n\r\n') + 4
  if (headLength < 4) return undefined
  const head = text.slice(0, headLength)
  const bodyLength = method === 'HEAD' ? 0 : Number(/\r\nContent-Length: (\d+)\r\n/i.exec(head)?.[1] ?? 0)
  if (text.length < headLength + bodyLength) return undefined
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
  return { answer: { status, body: text.slice(headLength, headLength + bodyLength) }, length: headLength + bodyLength }
}
