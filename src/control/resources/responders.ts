// Who responds: the config's, those whom orders have enrolled or retired, and whom this host has recovered. Keys are public.
import type { Responder } from '../../core/responder.ts'
import type { ResponderView } from '../../ports/control-api.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendJson, type Resource } from '../resource.ts'
import { formatInstant } from '../instants.ts'

export function respondersResource(deps: ControlDeps): Resource {
  return {
    path: '/api/v1/responders',
    access: 'read',
    methods: {
      GET: (_request, response) => {
        sendJson(response, 200, { responders: deps.desk.responders.map((each) => responderView(deps, each)) })
      },
    },
  }
}

function responderView({ desk }: ControlDeps, { name, role, key, keyId, retiredAt }: Responder): ResponderView {
  const { roster, recovered } = desk.ledger
  const holds = (each: { readonly responder: Responder }): boolean => each.responder.key === key
  const source = recovered.some(holds) ? 'recovery' : roster.enrolments.some(holds) ? 'order' : 'config'
  return {
    name,
    role,
    key,
    source,
    ...(keyId === undefined ? {} : { keyId }),
    ...(retiredAt === undefined ? {} : { retired: formatInstant(retiredAt) }),
  }
}
