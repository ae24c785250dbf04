// What the detectors of people have found, what the limits are, and what other ones would have done.
import type { ControlDeps } from '../control-deps.ts'
import { createAnomalyBook } from '../people/anomaly-book.ts'
import { ANOMALY_TYP, type PeopleDesk } from '../people/people-desk.ts'
import { sendProblem } from '../problem.ts'
import { bodyField, sendJson, type Resource } from '../resource.ts'

export function anomalyResources(deps: ControlDeps): readonly Resource[] {
  const { people = NOBODY } = deps
  return [
    {
      path: '/api/v1/anomalies',
      access: 'read',
      methods: {
        GET: (_request, response, caller) => {
          // Addresses and pseudonyms are for those who may also search the trail.
          if (caller.kind === 'responder' && caller.responder.role === 'viewer') {
            sendProblem(response, 'forbidden', 'a viewer sees no findings')
            return
          }
          const anomalies = people.book
            .list(deps.clock.now())
            .map(({ anomaly, count, lastAt }) => ({ ...anomaly, count, lastAt }))
          sendJson(response, 200, { anomalies, exemptions: people.exemptions() })
        },
      },
    },
    {
      path: '/api/v1/anomalies/answers',
      access: 'open',
      methods: {
        POST: async (request, response) => {
          const jws = bodyField(request, 'answer')
          if (typeof jws !== 'string') {
            sendProblem(response, 'bad-request', 'answer must be a JWS')
            return
          }
          const verified = await deps.verifier.verify(jws, ANOMALY_TYP, deps.settings().responders)
          if ('refused' in verified) {
            sendProblem(
              response,
              verified.refused === 'malformed' ? 'order-malformed' : 'order-unknown-signer',
              verified.detail,
            )
            return
          }
          const done = people.answer(verified.payload, verified.by)
          if ('problem' in done)
            sendProblem(response, done.isRole === true ? 'order-role' : 'bad-request', done.problem)
          else sendJson(response, 201, done)
        },
      },
    },
    limitResource(people),
  ]
}

/** Where nobody counts people there is nothing to tell. */
const NOBODY: PeopleDesk = {
  book: createAnomalyBook(),
  limits: { mode: 'off', views: () => [], wouldRefuse: () => undefined },
  exemptions: () => [],
  answer: () => ({ problem: 'nobody counts people here' }),
}

function limitResource(people: PeopleDesk): Resource {
  return {
    path: '/api/v1/limits',
    access: 'read',
    methods: {
      GET: (request, response) => {
        const { role, minutes, count } = request.query
        const limits = people.limits.views()
        if (count === undefined) {
          sendJson(response, 200, { mode: people.limits.mode, limits })
          return
        }
        const wouldRefuse = people.limits.wouldRefuse(
          typeof role === 'string' ? role : 'session',
          Number(minutes),
          Number(count),
        )
        if (wouldRefuse === undefined)
          sendProblem(
            response,
            'bad-request',
            'role must be session or address, minutes one of 15, 60 and 1440, count from 1 to 254',
          )
        else sendJson(response, 200, { mode: people.limits.mode, limits, wouldRefuse })
      },
    },
  }
}
