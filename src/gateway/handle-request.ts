// THE PIPELINE, on one screen: receive -> admit -> record -> forward or respond -> settle.
import { isDenial, type Decision } from '../core/decision.ts'
import type { Downstream } from './downstream.ts'
import type { Exchange } from './exchange.ts'
import type { Gateway } from './gateway.ts'
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

/** Never rejects: what goes wrong beyond all care ends the connection. */
export async function handleRequest(
  request: Request,
  response: Response,
  downstream: Downstream,
  gateway: Gateway,
): Promise<void> {
  let exchange: Exchange
  try {
    exchange = receive(request, response, downstream, gateway)
  } catch {
    respondBare(downstream, response)
    return
  }
  try {
    await run(exchange, gateway)
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

async function run(exchange: Exchange, gateway: Gateway): Promise<void> {
  for (let admissions = 0; ; admissions++) {
    const judging = admissions < ADMISSIONS_MAX ? admit(exchange, gateway) : UNSETTLED
    const judged = 'then' in judging ? await judging : judging
    const recording = record(exchange, judged, gateway)
    const decision = 'then' in recording ? await recording : recording
    if (isDenial(decision)) {
      await respond(exchange, decision, gateway)
      return
    }
    if (exchange.isCanary) {
      answerCanary(exchange)
      return
    }
    const end = await forward(exchange, decision, gateway)
    if (end === 'stale') continue
    if (end !== 'done') await respond(exchange, end, gateway)
    return
  }
}

/** A canary that has a permit has shown that the freeze failed: it is answered so, and never forwarded. */
function answerCanary({ response, downstream }: Exchange): void {
  downstream.isClosing = true
  response.sendHead(200, 'OK', 'Content-Length: 0\r\nConnection: close\r\n', 'none')
  response.end(undefined, () => undefined)
}
