// A question about the trail: in a fleet signed here, so that each gateway judges for itself who asks, and the one that is asked passes it on.
import { ask, gatewayNow, type Answer } from './api.ts'
import { ownKey } from './session.ts'
import { signCompact } from './sign.ts'
import { state } from './state.ts'

const QUESTION_TYP = 'portcullis-question+jwt'

/** Where nothing is signed, or the gateway is in no fleet, its own trail answers, and names the trails that it did not ask. Never rejects. */
export async function askWhose<T>(whose: object, limit: number): Promise<Answer<T>> {
  const question = await signQuestion(whose)
  return ask<T>('audit/whose', question === undefined ? { ...whose, limit } : { question, limit })
}

async function signQuestion(whose: object): Promise<string | undefined> {
  const { status } = state.get()
  const aud = status?.fleet.name
  const via = status?.audit.vkey.split('+')[0]
  const key = aud === undefined || via === undefined ? undefined : await ownKey()
  if (key === undefined) return undefined
  return signCompact(key, QUESTION_TYP, { aud, via, whose }, gatewayNow()).catch(() => undefined)
}
