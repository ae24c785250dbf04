// THE PIPELINE, on one screen: receive -> admit -> record -> forward or respond -> settle.
import { isDenial, type Decision } from '../core/decision.ts'
import type { Downstream } from './downstream.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
import { answerOwn } from './own-endpoint.ts'
import type { Request } from './request.ts'
import type { Response } from './response.ts'
import { admit } from './stages/admit.ts'
import { forward } from './stages/forward.ts'
import { receive } from './stages/receive.ts'
import { record } from './stages/record.ts'
import { respond, respondBare } from './stages/respond.ts'
import { settle } from './stages/settle.ts'

/** A permit that went stale while its request waited goes back to admit; an epoch that never rests ends as a refusal. */
const ADMISSIONS_MAX = 4
const UNSETTLED: Decision = { denied: 'view-stale', retryAfterMs: 1_000 }

/** Never throws or rejects: what goes wrong beyond all care ends the connection. Undefined where it is over in this turn. */
export function handleRequest(
  request: Request,
  response: Response,
  downstream: Downstream,
  gateway: Gateway,
): Promise<void> | undefined {
  let exchange: Exchange
  try {
    exchange = receive(request, response, downstream, gateway)
  } catch {
    respondBare(downstream, response)
    return undefined
  }
  let underWay: Promise<void> | undefined
  try {
    underWay = judge(exchange, gateway, 1)
  } catch (error) {
    underWay = failClosed(exchange, error, gateway)
  }
  if (underWay !== undefined) return finish(underWay, exchange, gateway)
  settle(exchange, gateway)
  return undefined
}

async function finish(underWay: Promise<void>, exchange: Exchange, gateway: Gateway): Promise<void> {
  try {
    await underWay
  } catch (error) {
    await failClosed(exchange, error, gateway)
  } finally {
    settle(exchange, gateway)
  }
}

/** Whatever goes wrong in a check, the upstream has not been called, or is cut. */
async function failClosed(exchange: Exchange, error: unknown, gateway: Gateway): Promise<void> {
  exchange.call?.abort()
  try {
    gateway.logger.error('an exchange failed', {
      id: exchange.id,
      error: error instanceof Error ? error.stack : String(error),
    })
    await respond(exchange, 'internal', gateway)
  } catch {
    respondBare(exchange.downstream, exchange.response)
  }
}

function judge(exchange: Exchange, gateway: Gateway, admissions: number): Promise<void> | undefined {
  const judged = admissions <= ADMISSIONS_MAX ? admit(exchange, gateway) : UNSETTLED
  if ('then' in judged) return judged.then((decision) => put(exchange, decision, gateway, admissions))
  return put(exchange, judged, gateway, admissions)
}

function put(exchange: Exchange, judged: Decision, gateway: Gateway, admissions: number): Promise<void> | undefined {
  const recorded = record(exchange, judged, gateway)
  if ('then' in recorded) return recorded.then((decision) => carryOut(exchange, decision, gateway, admissions))
  return carryOut(exchange, recorded, gateway, admissions)
}

function carryOut(
  exchange: Exchange,
  decision: Decision,
  gateway: Gateway,
  admissions: number,
): Promise<void> | undefined {
  if (isDenial(decision)) return respond(exchange, decision, gateway)
  if (exchange.isCanary) {
    answerCanary(exchange)
    return undefined
  }
  const { own } = decision.route.policy
  if (own !== undefined) {
    return answerOwn(exchange, own, gateway).then((refusal) =>
      refusal === undefined ? undefined : respond(exchange, refusal, gateway),
    )
  }
  return forward(exchange, decision, gateway).then((end) => {
    if (end === 'stale') return judge(exchange, gateway, admissions + 1)
    return end === 'done' ? undefined : respond(exchange, end, gateway)
  })
}

/** A canary that has a permit has shown that the freeze failed: it is answered so, and never forwarded. */
function answerCanary({ response, downstream }: Exchange): void {
  downstream.isClosing = true
  response.sendHead(200, 'OK', 'Content-Length: 0\r\nConnection: close\r\n', 'none')
  response.end(undefined, () => undefined)
}
