// Logging in by one-time code, one call at a time, as a phone does it: ask, read the message, bring the code back.
import { isPassing, readField, type Call, type Reply, type Send } from './gateway-client.ts'

export type Phone = {
  mobile: string
  send: Send
  /** Who calls: the part of a call that is the same each time. */
  identity: Pick<Call, 'caller' | 'address'>
  readCode: (mobile: string) => Promise<string | undefined>
}
export type Login = {
  token(): string | undefined
  /** Makes the next call of the login; undefined when the message has not come yet. */
  step(): Promise<Reply | undefined>
  logOut(): void
}

export function createLogin({ mobile, send, identity, readCode }: Phone): Login {
  let token: string | undefined
  let txnId: string | undefined
  let code: string | undefined

  const ask = async (): Promise<Reply> => {
    const reply = await send({ ...identity, method: 'POST', path: '/api/v2/auth/generateOTP', body: { mobile } })
    const given = readField(reply.body, 'txnId')
    if (reply.status === 200 && typeof given === 'string') txnId = given
    return reply
  }

  const confirm = async (): Promise<Reply | undefined> => {
    code ??= await readCode(mobile)
    if (code === undefined) {
      // The message is lost: the next step asks for a fresh code.
      txnId = undefined
      return undefined
    }
    const body = { txnId, otp: code }
    const reply = await send({ ...identity, method: 'POST', path: '/api/v2/auth/confirmOTP', body })
    const given = readField(reply.body, 'token')
    if (reply.status === 200 && typeof given === 'string') token = given
    // A passing refusal leaves the code good; any other answer has spent it.
    if (!isPassing(reply)) txnId = code = undefined
    return reply
  }

  return {
    token: () => token,
    step: () => (txnId === undefined ? ask() : confirm()),
    logOut: () => {
      token = undefined
    },
  }
}
