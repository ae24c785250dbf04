// What the outside is told, and what it may suggest: webhooks as the config names them, and the receiver of alerts.
import { createHash } from 'node:crypto'
import path from 'node:path'
import { createNoticeMemory } from '../adapters/file/notice-memory.ts'
import { createAddresses } from '../adapters/ipaddr/addresses.ts'
import { webhookAddresses } from '../adapters/ipaddr/webhook-addresses.ts'
import { readSecretFile } from '../adapters/node/fleet-secret.ts'
import { createWebhookSender } from '../adapters/node/webhook-sender.ts'
import type { Config } from '../config/config.ts'
import { every } from '../control/every.ts'
import { proofWithin } from '../control/fleet/views.ts'
import { createDeskNotices } from '../control/notices/desk-notices.ts'
import { createNotifier, type Receiver } from '../control/notices/notifier.ts'
import { createSuggestions, type Suggestions } from '../control/suggestions.ts'
import type { Parts } from './parts.ts'

export interface Notices {
  readonly suggestions: Suggestions
  readonly problems: readonly string[]
}

const SEND_TIMEOUT_MS = 10_000
/** A fleet that has not proven a lock by then is told of. */
const PROOF_WAIT_MS = 5_000
const LOOK_EVERY_MS = 15_000

/** Throws an Error of one line where the key of a signature is not fit: whoever is to be told must not find out in the night. */
export function openNotices(parts: Parts): Notices {
  const { desk, clock, logger, cleanUp, randomness, meters, running, trail, fleet, impact } = parts
  const receivers = memoised(receiversOf)
  receivers(running.config)
  const allowed = memoised(({ notify }) => webhookAddresses(createAddresses(), notify.networks))
  const notifier = createNotifier({
    ...{ clock, randomness, logger },
    sender: createWebhookSender({
      timeoutMs: SEND_TIMEOUT_MS,
      isAllowed: (address) => allowed(running.config)(address),
    }),
    receivers: () => receivers(running.config),
    onResult: (result) => {
      meters.registry.notified(result)
    },
    memory: createNoticeMemory(path.join(running.config.store.dir, 'messages.json')),
    idOf: (text) => createHash('sha256').update(text).digest('base64url').slice(0, 24),
  })
  const control = (): string | undefined => running.config.notify.console
  const notices = createDeskNotices({
    ...{ desk, clock, control, gatewayName: trail.gatewayName, routes: () => running.config.routes },
    ...(fleet === undefined ? {} : { fleet: fleet.parts.deps.fleet }),
    isOwn: (order) => isOwn(parts, order),
    missingOf: async ({ id, missing }) =>
      fleet === undefined ? missing : (await proofWithin(fleet.parts, id, PROOF_WAIT_MS)).missing,
    tell: (notice) => {
      notifier.tell(notice)
    },
  })
  const suggestions = createSuggestions({
    ...{ desk, impact, clock, control, trail: trail.main },
    rules: () => running.config.control.alertmanager?.rules ?? [],
    tell: (notice) => {
      notifier.tell(notice)
    },
  })
  const look = async (): Promise<void> => {
    notices.nag()
    await suggestions.look()
  }
  cleanUp.defer(() => {
    notices.close()
    return notifier.close()
  })
  cleanUp.defer(every(LOOK_EVERY_MS, look, logger))
  return {
    suggestions,
    get problems() {
      return notifier.problems
    },
  }
}

/** Of a fleet the gateway that accepted the order tells; what has no receipt is a gateway's own. */
function isOwn({ fleet }: Parts, order: string): boolean {
  if (fleet === undefined) return true
  const { shelf, seal } = fleet.parts.deps
  const by = shelf.gatewayOf(order)
  return by === undefined || by === seal.gateway
}

function receiversOf({ notify }: Config): readonly Receiver[] {
  return notify.webhooks.map(({ url, secretFile, events }, index) => ({
    ...{ url, name: new URL(url).host, secret: readKey(`notify.webhooks[${index}].secretFile`, secretFile) },
    ...(events === undefined ? {} : { events }),
  }))
}

/** Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes. */
function readKey(key: string, file: string): Uint8Array {
  const text = readSecretFile(key, file).trim()
  const bytes = /^whsec_[A-Za-z0-9+/]+={0,2}$/.test(text)
    ? Buffer.from(text.slice('whsec_'.length), 'base64')
    : undefined
  if (bytes === undefined || bytes.length < 24 || bytes.length > 64)
    throw new Error(
      `${key} ${file}: must hold whsec_ and base64 of 24 to 64 bytes, as (umask 077; echo "whsec_$(openssl rand -base64 32)" > ${file}) makes`,
    )
  return bytes
}

/** Anew for each config; one whose files are no good keeps what was. */
function memoised<T>(make: (config: Config) => T): (config: Config) => T {
  let last: { readonly notify: Config['notify']; readonly made: T } | undefined
  return (config) => {
    if (last?.notify === config.notify) return last.made
    try {
      last = { notify: config.notify, made: make(config) }
    } catch (error) {
      if (last === undefined) throw error
      last = { notify: config.notify, made: last.made }
    }
    return last.made
  }
}
