// Each gateway and worker: what it enforces, how long it may trust that, and who lags.
import type { GatewayView, ResponderView } from '../../../src/ports/control-api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { Moment, Text } from '../parts/moment.tsx'
import { ROLE_NAMES } from '../parts/role-names.ts'
import { WideTable } from '../parts/table.tsx'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { useAnswer } from '../use-answer.ts'

export function FleetPage() {
  const t = useWords()
  const status = useStore(state, (all) => all.status)
  if (status === undefined) return <p>{t('connecting')}</p>
  return (
    <>
      <h1>
        {t('fleet')} {status.fleet.name !== undefined && <Text of={status.fleet.name} />}
      </h1>
      <WideTable
        label={t('fleet')}
        heads={['gateway', 'stateCol', 'epoch', 'lease', 'workers', 'clockOffset', 'trailHealth', 'lastSeen']}
      >
        {status.fleet.gateways.map((gateway) => (
          <Row key={gateway.name} gateway={gateway} epoch={status.epoch} />
        ))}
      </WideTable>
      <OldSecret gateways={status.fleet.gateways} />
      <Responders />
    </>
  )
}

function stateName({ state: member, proven }: GatewayView): readonly [MessageKey, 'good' | 'bad' | 'hint'] {
  if (member === 'left') return ['hasLeft', 'hint']
  if (member === 'forgotten') return ['isForgotten', 'hint']
  if (member === 'missing') return ['isMissing', 'bad']
  return proven ? ['isProven', 'good'] : ['notProven', 'bad']
}

/** While the fleet's secret is replaced: who would no longer be believed without the old one. */
function OldSecret({ gateways }: { gateways: readonly GatewayView[] }) {
  const t = useWords()
  const names = gateways.filter(({ voucher }) => voucher === 'old').map(({ name }) => name)
  if (names.length === 0) return null
  return (
    <p class="card warn-edge" role="status" data-old-secret={names.length}>
      ⚠ <Text of={t('oldSecretHint', { names: names.join(', ') })} max={2000} />
    </p>
  )
}

function Row({ gateway, epoch }: { gateway: GatewayView; epoch: number }) {
  const t = useWords()
  const [name, look] = stateName(gateway)
  const behind = epoch - gateway.epoch
  return (
    <tr class={look === 'bad' ? 'laggard' : ''}>
      <th scope="row">
        <Text of={gateway.name} />
        {gateway.address !== undefined && (
          <div class="hint">
            <Text of={gateway.address} />
          </div>
        )}
      </th>
      <td>
        <strong class={look}>
          {look === 'bad' ? '✗ ' : look === 'good' ? '✓ ' : ''}
          {t(name)}
        </strong>
        {gateway.voucher === 'old' && <div class="warn">⚠ {t('oldSecret')}</div>}
      </td>
      <td>
        {gateway.epoch} {behind > 0 && look !== 'hint' && <span class="bad">({t('behind', { n: behind })})</span>}
      </td>
      <td class={gateway.leaseRemainingMs > 0 ? '' : 'bad'}>
        {gateway.leaseRemainingMs > 0
          ? t('seconds', { n: (gateway.leaseRemainingMs / 1000).toFixed(1) })
          : t('leaseOut')}
      </td>
      <td>
        {gateway.workers.map(({ worker, alive, epoch: theirs }) => (
          <div key={worker} class={alive ? '' : 'bad'}>
            <Text of={worker} /> {alive ? theirs : t('dead')}
          </div>
        ))}
      </td>
      <td>
        <Clock gateway={gateway} />
      </td>
      <td class={gateway.trail === 'failing' ? 'bad' : ''}>
        {gateway.trail === undefined ? (
          <span class="hint">{t('notTold')}</span>
        ) : gateway.trail === 'healthy' ? (
          t('trailHealthy')
        ) : (
          `✗ ${t('trailBroken')}`
        )}
      </td>
      <td>{gateway.lastSeen === undefined ? '–' : <Moment at={gateway.lastSeen} />}</td>
    </tr>
  )
}

/** A responder's times come from these clocks: a second is as much as a report can bear (CERT-In Directions, i). */
const CLOCK_OFF_MS = 1000

function Clock({ gateway: { clock } }: { gateway: GatewayView }) {
  const t = useWords()
  if (clock === undefined) return <span class="hint">{t('notTold')}</span>
  const { offsetMs, withinMs, by } = clock
  const sign = offsetMs > 0 ? '+' : offsetMs < 0 ? '−' : ''
  const within = withinMs === undefined ? '' : ` ± ${Math.ceil(withinMs)}`
  const isOff = Math.abs(offsetMs) - (withinMs ?? 0) > CLOCK_OFF_MS
  return (
    <>
      <span class={isOff ? 'bad' : ''}>
        {isOff ? '✗ ' : ''}
        {t('ms', { n: `${sign}${Math.abs(Math.round(offsetMs))}${within}` })}
      </span>
      <div class="hint">{t(by === 'servers' ? 'clockServers' : by === 'store' ? 'clockStore' : 'clockPeers')}</div>
    </>
  )
}

function homeOf({ key, keyId }: ResponderView): MessageKey {
  if (key.startsWith('passkey:')) return 'inPasskey'
  return /^browser(?:-|$)/i.test(keyId ?? '') ? 'inBrowser' : 'onDisk'
}

function Responders() {
  const t = useWords()
  const answer = useAnswer<{ readonly responders: readonly ResponderView[] }>('responders')
  if (answer?.ok !== true) return null
  return (
    <section>
      <h2 id="responders">{t('responders')}</h2>
      <WideTable label={t('responders')} heads={['responders', 'role', 'livesIn', 'keyCol']}>
        {answer.body.responders.map((each) => (
          <tr key={each.key}>
            <th scope="row">
              <Text of={each.keyId === undefined ? each.name : `${each.name}#${each.keyId}`} />
            </th>
            <td>
              {t(ROLE_NAMES[each.role])}
              {each.retired !== undefined && (
                <span class="bad">
                  {' '}
                  {t('retired')} <Moment at={each.retired} />
                </span>
              )}
            </td>
            <td>{t(homeOf(each))}</td>
            <td>
              <code class="wrap">{each.key}</code>
            </td>
          </tr>
        ))}
      </WideTable>
    </section>
  )
}
