// Active checks of the upstreams' targets: asked by the main thread alone, told to every worker, shown in metrics.
import { startHealthChecks, type CheckedUpstream, type HealthChange } from '../adapters/net/active-health.ts'
import { TargetStates, type TargetState } from '../adapters/net/target-states.ts'
import type { Config } from '../config/config.ts'
import { upstreamTlsOf, type Certificates } from './certificates.ts'
import type { Parts } from './parts.ts'

export interface Health {
  /** Checks the targets of this config from now on, and no others. What was found of those that stay still counts. */
  use(config: Config, certificates: Certificates): void
  /** Of every target that is checked. */
  readonly targets: readonly TargetState[]
}

/** Without a data plane nothing is checked: nobody asks the targets for anything. */
export function createHealth({ pool, randomness, logger, cleanUp }: Parts): Health {
  const states = new TargetStates()
  let upstreams: Config['upstreams'] = {}
  let end = (): void => undefined
  const onChange = ({ upstream, target, isUp, detail }: HealthChange): void => {
    if (isUp) logger.info('a target is up again by its checks', { upstream, target })
    else logger.warn('a target is down by its checks: others answer in its place', { upstream, target, detail })
    pool?.setDown(states.down)
  }
  cleanUp.defer(() => {
    end()
  })
  return {
    use(config, certificates) {
      if (pool === undefined) return
      end()
      upstreams = config.upstreams
      states.keepOnly(upstreams)
      pool.setDown(states.down)
      end = startHealthChecks(checkedIn(config, certificates), {
        states,
        fraction: () => randomness.fraction(),
        onChange,
      })
    },
    get targets() {
      return states.of(upstreams)
    },
  }
}

/** Never the config's own `tls`: that holds paths. */
function checkedIn(config: Config, certificates: Certificates): Readonly<Record<string, CheckedUpstream>> {
  return Object.fromEntries(
    Object.entries(config.upstreams).map(([name, { targets, health }]): [string, CheckedUpstream] => [
      name,
      { targets, tls: upstreamTlsOf(config, certificates, name), ...(health === undefined ? {} : { health }) },
    ]),
  )
}
