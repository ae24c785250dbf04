// Gateways ask each other: an answer counts from a member that was asked, once; what a store makes up or repeats is nothing.
import { expect, test } from '@jest/globals'
import { createFleetSeal } from '../../../src/adapters/node/fleet-seal.ts'
import { createRandomness } from '../../../src/adapters/node/randomness.ts'
import { createFleetQuestions } from '../../../src/control/fleet/questions.ts'
import { createFakeLogger } from '../../support/control-ports.ts'
import { FLEET, makeSigner, newMemory, SECRET, settle } from '../../support/fleet-rig.ts'

function members(count: number, secrets: readonly string[] = [SECRET]) {
  const memory = newMemory()
  return Array.from({ length: count }, (_, index) => {
    const seal = createFleetSeal({ fleet: FLEET, secrets: () => secrets, signer: makeSigner() })
    const store = memory.open(seal.gateway)
    const asked: unknown[] = []
    const heard: string[] = []
    const state = { isSilent: false, fails: false }
    const questions = createFleetQuestions({
      ...{ store, seal, randomness: createRandomness(), logger: createFakeLogger() },
      answer: async (question) => {
        asked.push(question)
        if (state.fails) throw new Error('no')
        return state.isSilent ? undefined : { number: index }
      },
    })
    store.listen({
      ...{
        onEntry: () => undefined,
        onProof: () => undefined,
        onRoster: () => undefined,
        onConnected: () => undefined,
      },
      onLost: () => undefined,
      onTold: (text) => {
        heard.push(text)
        questions.hear(text)
      },
    })
    return { name: seal.gateway, seal, store, questions, asked, heard, state }
  })
}

test('all who are asked answer, and the wait is over with the last', async () => {
  const [a, b, c] = members(3)
  if (a === undefined || b === undefined || c === undefined) throw new Error()
  const answers = await a.questions.ask({ what: 'impact' }, [b.name, c.name], 60_000)
  expect(Object.fromEntries(answers)).toEqual({ [b.name]: { number: 1 }, [c.name]: { number: 2 } })
  expect([b.asked, a.asked]).toEqual([[{ what: 'impact' }], []])
})

test('who is silent, fails or is not there is not in the answers; nobody to ask is no wait', async () => {
  const [a, b, c] = members(3)
  if (a === undefined || b === undefined || c === undefined) throw new Error()
  b.state.isSilent = true
  c.state.fails = true
  expect((await a.questions.ask({}, [b.name, c.name, 'portcullis/gateway-000000000000'], 50)).size).toBe(0)
  expect((await a.questions.ask({}, [], 60_000)).size).toBe(0)
})

test('what is repeated, forged, of another fleet secret or not asked for counts as nothing', async () => {
  const [a, b, c] = members(3)
  const [stranger] = members(1, ['another secret that is long enough.'])
  if (a === undefined || b === undefined || c === undefined || stranger === undefined) throw new Error()
  b.state.isSilent = true
  const asking = a.questions.ask({}, [b.name], 60_000)
  await settle()
  const question = b.heard[0] ?? ''
  for (let turn = 0; turn < 3; turn++) b.questions.hear(question)
  const id = (JSON.parse(Buffer.from(question.split('.')[2] ?? '', 'base64url').toString()) as { id: string }).id
  const forged = JSON.stringify({ gateway: b.name, id, answer: { number: 666 } })
  for (const text of [
    `answer ${c.seal.seal('answer', forged)}`,
    `answer ${c.seal.seal('answer', JSON.stringify({ gateway: c.name, id, answer: { number: 666 } }))}`,
    `answer ${stranger.seal.seal('answer', forged)}`,
    `answer ${b.seal.seal('question', forged)}`,
    ...['answer', 'answer x.y.z', 'question ', ''],
  ])
    a.questions.hear(text)
  await settle()
  const answer = JSON.stringify({ gateway: b.name, id, answer: { number: 1 } })
  a.questions.hear(`answer ${b.seal.seal('answer', answer)}`)
  expect(Object.fromEntries(await asking)).toEqual({ [b.name]: { number: 1 } })
  expect(b.asked.length).toBe(1)
})
