// Reading without a token: a login signed with the responder's key opens a session for this one command (contract, 5).
import type { Answer, Transport } from './exchange.ts'
import type { ControlAddress } from './control-address.ts'
import { LOGIN_TYP, sign, type Moment, type SigningKey } from './signing-key.ts'
import { textField } from './views.ts'

const LOGIN_PATH = '/api/v1/login'

/** The headers of the session, or the answer that refused it. The nonce and `aud` bind the login to this control plane and moment. */
export async function authorizeByKey(
  transport: Transport,
  control: ControlAddress,
  key: SigningKey,
  moment: Moment,
): Promise<Readonly<Record<string, string>> | Answer> {
  const offered = await transport.send(control, { method: 'GET', path: `${LOGIN_PATH}/nonce` })
  if ('unreachable' in offered) return offered
  const nonce = textField(offered.body, 'nonce')
  if (offered.status !== 200 || nonce === undefined)
    return offered.status === 200 ? strange(control, 'the nonce for a login') : offered
  const login = await sign(key, LOGIN_TYP, { aud: control, nonce }, moment)
  const opened = await transport.send(control, { method: 'POST', path: LOGIN_PATH, body: { login } })
  if ('unreachable' in opened || opened.status < 200 || opened.status >= 300) return opened
  const cookies = opened.cookies.map((cookie) => cookie.split(';', 1)[0] ?? '').filter((cookie) => cookie !== '')
  const token = textField(opened.body, 'token')
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  return cookies.length > 0 ? { cookie: cookies.join('; ') } : strange(control, 'a session')
}

function strange(control: ControlAddress, what: string): Answer {
  return { control, unreachable: `${control} answered without ${what}: is it a control plane of this version?` }
}
