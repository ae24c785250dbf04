// Messages on their way out: each receiver has a queue of its own, bounded, which outlives a restart, and a try that failed is made
// again, later each time.
import type { Notice } from '../../core/notice.ts'
import type { Clock, Randomness } from '../../ports/clock.ts'
import type { Logger } from '../../ports/logger.ts'
import type { NoticeMemory } from '../../ports/notice-memory.ts'
import type { Webhook, WebhookSender } from '../../ports/webhooks.ts'
import { formatInstant } from '../instants.ts'

export interface Receiver extends Webhook {
  /** In words that may be shown: its host. */
  readonly name: string
  /** Types of messages that it wants; absent: all. */
  readonly events?: readonly string[]
}

export interface NotifierDeps {
  readonly sender: WebhookSender
  /** Read anew at each message: a reload takes effect. */
  readonly receivers: () => readonly Receiver[]
  readonly clock: Pick<Clock, 'now'>
  readonly randomness: Pick<Randomness, 'fraction'>
  readonly logger: Logger
  readonly onResult: (result: 'delivered' | 'retried' | 'failed' | 'dropped') => void
  /** Id of what a message is about. */
  readonly idOf: (text: string) => string
  /** Where what waits outlives a restart; absent: it does not. */
  readonly memory?: NoticeMemory
  /** Before each try but the first, in milliseconds. */
  readonly waitsMs?: readonly number[]
}

export interface Notifier {
  /** Never waits, never throws. */
  tell(notice: Notice): void
  /** What an operator should mend. */
  readonly problems: readonly string[]
  /** Resolves once what waits is kept, or could not be. */
  close(): Promise<void>
}

/** Seven tries over some forty minutes, with jitter: a receiver that restarts is there again long before. */
const WAITS_MS = [5_000, 15_000, 60_000, 300_000, 600_000, 1_200_000]
const QUEUE_MAX = 256

interface Waiting {
  readonly notice: Notice
  tries: number
}

interface Lane {
  readonly queue: Waiting[]
  isSending: boolean
  problem: string | undefined
  timer: NodeJS.Timeout | undefined
}

export function createNotifier(deps: NotifierDeps): Notifier {
  const lanes = new Map<string, Lane>()
  let isClosed = false
  const keeper = createKeeper(deps, lanes)
  const laneOf = (name: string): Lane => {
    const lane = lanes.get(name) ?? { queue: [], isSending: false, problem: undefined, timer: undefined }
    lanes.set(name, lane)
    return lane
  }
  const work = async (url: string, lane: Lane): Promise<void> => {
    if (lane.isSending) return
    lane.isSending = true
    for (let head = lane.queue[0]; head !== undefined && !isClosed; head = lane.queue[0]) {
      // One that a reload has taken out is told nothing more.
      const receiver = deps.receivers().find((each) => each.url === url)
      const waitMs = receiver === undefined ? undefined : await attempt(deps, receiver, lane, head)
      if (waitMs === undefined) lane.queue.shift()
      keeper.keep()
      if (waitMs !== undefined)
        await new Promise<void>((resolve) => {
          lane.timer = setTimeout(resolve, waitMs).unref()
        })
    }
    lane.isSending = false
  }
  for (const { url, tries, notice } of keeper.kept()) {
    laneOf(url).queue.push({ notice, tries })
  }
  for (const [url, lane] of lanes) void work(url, lane)
  return {
    tell(notice) {
      for (const { url, name, events } of deps.receivers()) {
        if (events !== undefined && !events.includes(notice.type)) continue
        const lane = laneOf(url)
        if (lane.queue.length >= QUEUE_MAX) {
          // The one that is being sent stays; of the others the oldest goes.
          lane.queue.splice(1, 1)
          lane.problem = `more than ${QUEUE_MAX} messages wait for ${name}: the oldest are dropped`
          deps.onResult('dropped')
        }
        lane.queue.push({ notice, tries: 0 })
        void work(url, lane)
      }
      keeper.keep()
    },
    get problems() {
      const urls = new Set(deps.receivers().map(({ url }) => url))
      const told = [...lanes].flatMap(([url, { problem }]) =>
        problem === undefined || !urls.has(url) ? [] : [problem],
      )
      return keeper.problem === undefined ? told : [...told, keeper.problem]
    },
    close() {
      isClosed = true
      for (const { timer } of lanes.values()) clearTimeout(timer)
      return keeper.settled()
    },
  }
}

interface Keeper {
  /** Writes what waits now, soon; of several calls while it writes, once more. */
  keep(): void
  /** What waited when this gateway ended, for receivers that the config still has; of each the newest, as many as a queue holds. */
  kept(): readonly { readonly url: string; readonly notice: Notice; readonly tries: number }[]
  readonly problem: string | undefined
  settled(): Promise<void>
}

/**
 * What was given to a queue is told at least once: it leaves the file only after it was taken or given up. A crash between the two
 * tells it again, under the same id.
 */
function createKeeper(deps: NotifierDeps, lanes: ReadonlyMap<string, Lane>): Keeper {
  const { memory } = deps
  let problem: string | undefined
  let isDirty = false
  let writing: Promise<void> | undefined
  const writeAll = async (to: NoticeMemory): Promise<void> => {
    while (isDirty) {
      isDirty = false
      const all = [...lanes].flatMap(([url, { queue }]) =>
        queue.map(({ notice, tries }) => ({ to: deps.idOf(url), notice, tries })),
      )
      try {
        await to.write(all)
        problem = undefined
      } catch (error) {
        problem = `messages that wait would not outlive a restart: ${error instanceof Error ? error.message : String(error)}`
      }
    }
    writing = undefined
  }
  return {
    keep() {
      isDirty = true
      if (memory !== undefined) writing ??= writeAll(memory)
    },
    kept() {
      const all = memory?.read() ?? []
      return deps.receivers().flatMap(({ url }) =>
        all
          .filter(({ to }) => to === deps.idOf(url))
          .slice(-QUEUE_MAX)
          .map(({ notice, tries }) => ({ url, notice, tries })),
      )
    },
    get problem() {
      return problem
    },
    settled: () => writing ?? Promise.resolve(),
  }
}

/** Undefined once it is over with this message; else how long to wait. */
async function attempt(
  deps: NotifierDeps,
  receiver: Receiver,
  lane: Lane,
  waiting: Waiting,
): Promise<number | undefined> {
  const { notice } = waiting
  waiting.tries += 1
  try {
    await deps.sender.send(receiver, {
      id: `msg_${deps.idOf(`${notice.type} ${notice.about}`)}`,
      atSeconds: Math.floor(deps.clock.now() / 1000),
      body: JSON.stringify({ type: notice.type, timestamp: formatInstant(notice.at), data: notice.data }),
    })
    lane.problem = undefined
    deps.onResult('delivered')
    return undefined
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const isFinal = error instanceof Error && 'isFinal' in error && error.isFinal === true
    const waitMs = (deps.waitsMs ?? WAITS_MS)[waiting.tries - 1]
    lane.problem = `${receiver.name} could not be told ${notice.type}: ${why}`
    if (!isFinal && waitMs !== undefined) {
      deps.onResult('retried')
      // Up to a half more, so that receivers that come back are not met by everybody at once.
      return waitMs * (1 + deps.randomness.fraction() / 2)
    }
    deps.onResult('failed')
    deps.logger.error('SOMEBODY COULD NOT BE TOLD: a webhook was given up', {
      receiver: receiver.name,
      type: notice.type,
      tries: waiting.tries,
      why,
    })
    return undefined
  }
}
