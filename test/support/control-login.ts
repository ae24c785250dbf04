// A login at the control plane of the tests: the header that goes with every question from then on.
import request from 'supertest'
import type { ServerRig } from './control-server.ts'
import { LOGIN_TYP, signCompact, type Person } from './control-signing.ts'

export async function login({ app, rig }: ServerRig, who: Person): Promise<{ authorization: string }> {
  const { body } = await request(app).get('/api/v1/login/nonce').set('host', 'localhost:9080')
  const { nonce } = body as { nonce: string }
  const payload = { iss: who.name, iat: Math.floor(rig.clock.now() / 1000), aud: 'http://localhost:9080', nonce }
  const jws = signCompact({ alg: 'EdDSA', typ: LOGIN_TYP, kid: who.name }, payload, who.privateKey)
  const opened = await request(app).post('/api/v1/login').set('host', 'localhost:9080').send({ login: jws })
  return { authorization: `Bearer ${(opened.body as { token: string }).token}` }
}
