// What one gateway asks of all others, through the store: a question and its answers are said, not kept. What is lost is missing.
import { isFields, isText } from '../../core/message-shapes.ts'
import type { Randomness } from '../../ports/clock.ts'
import type { FleetSeal } from '../../ports/fleet-seal.ts'
import type { FleetStore } from '../../ports/fleet-store.ts'
import type { Logger } from '../../ports/logger.ts'
import { canonicalJson } from '../../core/canonical-json.ts'

export interface FleetQuestions {
  /** Answers by gateway, of those who answered within the limit. Never rejects. */
  ask(question: object, of: readonly string[], limitMs: number): Promise<ReadonlyMap<string, unknown>>
  /** Something that another gateway has said. */
  hear(text: string): void
}

export interface FleetQuestionsDeps {
  readonly store: Pick<FleetStore, 'tell'>
  readonly seal: FleetSeal
  readonly randomness: Pick<Randomness, 'requestId'>
  readonly logger: Logger
  /** Undefined where there is nothing to answer. Its rejection is no answer. */
  readonly answer: (question: unknown) => Promise<object | undefined>
}

/** Questions that were answered: a store may repeat them. */
const ANSWERED_MAX = 1000
/** At once: whoever can make gateways ask must not keep this one from its work. */
const ANSWERING_MAX = 8

interface Asked {
  readonly from: ReadonlySet<string>
  readonly answers: Map<string, unknown>
  readonly done: () => void
}

export function createFleetQuestions({ store, seal, randomness, logger, answer }: FleetQuestionsDeps): FleetQuestions {
  const asked = new Map<string, Asked>()
  const answered = new Set<string>()
  let answering = 0
  const tell = (type: 'question' | 'answer', words: object, to: readonly string[]): void => {
    store.tell(`${type} ${seal.seal(type, canonicalJson(words))}`, to).catch((error: unknown) => {
      logger.debug('a gateway could not be told something', {
        type,
        error: error instanceof Error ? error.message : String(error),
      })
    })
  }
  const reply = async (gateway: string, id: string, question: unknown): Promise<void> => {
    if (answered.has(id) || answering >= ANSWERING_MAX) return
    if (answered.size >= ANSWERED_MAX) answered.clear()
    answered.add(id)
    answering += 1
    try {
      const words = await answer(question)
      if (words !== undefined) tell('answer', { gateway: seal.gateway, id, answer: words }, [gateway])
    } catch (error) {
      logger.warn('a question of another gateway could not be answered', {
        error: error instanceof Error ? error.message : String(error),
      })
    } finally {
      answering -= 1
    }
  }
  return {
    ask(question, of, limitMs) {
      if (of.length === 0) return Promise.resolve(new Map())
      const id = randomness.requestId()
      const answers = new Map<string, unknown>()
      return new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer)
          asked.delete(id)
          resolve(answers)
        }
        const timer = setTimeout(done, limitMs)
        asked.set(id, { from: new Set(of), answers, done })
        tell('question', { gateway: seal.gateway, id, question }, of)
      })
    },
    hear(text) {
      const said = openSaid(seal, text)
      if (said === undefined || said.gateway === seal.gateway) return
      if (said.type === 'question') {
        void reply(said.gateway, said.id, said.words)
        return
      }
      const waiting = asked.get(said.id)
      if (waiting?.from.has(said.gateway) !== true) return
      waiting.answers.set(said.gateway, said.words)
      if (waiting.answers.size === waiting.from.size) waiting.done()
    },
  }
}

interface Said {
  readonly type: 'question' | 'answer'
  readonly gateway: string
  readonly id: string
  readonly words: unknown
}

function openSaid(seal: FleetSeal, text: string): Said | undefined {
  const type = (['question', 'answer'] as const).find((each) => text.startsWith(`${each} `))
  if (type === undefined) return undefined
  const opened = seal.open(type, text.slice(type.length + 1))
  const payload = opened?.payload
  if (opened === undefined || !isFields(payload) || payload.gateway !== opened.gateway || !isText(payload.id))
    return undefined
  return { type, gateway: opened.gateway, id: payload.id, words: payload[type] }
}
