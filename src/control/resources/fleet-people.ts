// POST /api/v1/fleet/people: everybody of this trail who answers a person's question, for the gateway that the person has asked.
import { canonicalJson } from '../../core/canonical-json.ts'
import { isFields } from '../../core/message-shapes.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { bodyField, type Resource } from '../resource.ts'
import { sendPeople } from '../send-people.ts'
import { createAskedOnce, openQuestion } from '../signed-question.ts'
import { fail, isRecorded, note, type TrailUse } from '../trail-use.ts'

export function fleetPeopleResource(deps: ControlDeps): Resource {
  const asked = createAskedOnce(deps.clock)
  return {
    path: '/api/v1/fleet/people',
    access: 'open',
    methods: {
      POST: async (request, response) => {
        const { fleet } = deps
        if (fleet === undefined) {
          sendProblem(response, 'not-found', 'this gateway is in no fleet: its store is embedded')
          return
        }
        const { seal } = fleet.deps
        const jws = bodyField(request, 'question')
        const envelope = bodyField(request, 'via')
        // By the key of the gateway itself: a fleet secret alone opens no trail, nor does a question that was overheard.
        const opened = typeof envelope === 'string' ? seal.open('asked', envelope) : undefined
        const isMember = opened !== undefined && fleet.roster.counts(opened.gateway)
        if (!isMember || !isFields(opened.payload) || opened.payload.question !== jws) {
          sendProblem(response, 'forbidden', 'a question is passed on by the member of the fleet that was asked')
          return
        }
        const question = await openQuestion(deps, jws, opened.gateway)
        if ('problem' in question) {
          sendProblem(response, 'forbidden', question.problem)
          return
        }
        if (!asked.take(question.id)) {
          sendProblem(response, 'forbidden', 'this question has been answered: sign another')
          return
        }
        const { by, query } = question
        const use: TrailUse = { by, via: opened.gateway, action: 'whose', query }
        if (!(await isRecorded(deps, use, response))) return
        try {
          const file = await deps.search.people(query)
          note(deps, use, file.subjects)
          const words = { gateway: seal.gateway, question: question.id, sha256: file.sha256 }
          response.setHeader('Portcullis-Answer', seal.seal('asked', canonicalJson(words)))
          await sendPeople(deps, response, file)
        } catch (error) {
          fail(deps, error, response)
        }
      },
    },
  }
}
