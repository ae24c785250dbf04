// The routes as the config has them: what a lock can name.
import type { RouteView } from '../../ports/control-api.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendJson, type Resource } from '../resource.ts'

export function routesResource({ settings }: ControlDeps): Resource {
  return {
    path: '/api/v1/routes',
    access: 'read',
    methods: {
      GET: (_request, response) => {
        const routes = settings().routes.map(({ id, path, methods, tags, upstream }): RouteView => ({
          id,
          path,
          methods,
          tags,
          upstream,
        }))
        sendJson(response, 200, { routes })
      },
    },
  }
}
