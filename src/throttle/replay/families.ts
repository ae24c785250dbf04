// Families of attacks, and of crowds that only look like one (issue 7): lines that are mixed into a benign log, or played at a live gateway.
import { BENIGN, type LogEvent } from './event.ts'
import { below, pick, type Random } from './random.ts'

interface FamilyContext {
  /** Epoch milliseconds at which it begins. */
  readonly start: number
  readonly random: Random
  /** Lines of ordinary people, in order of time: stacks, routes and sessions are taken from them. */
  readonly benign: readonly LogEvent[]
}

export interface Family {
  readonly name: string
  readonly says: string
  make(context: FamilyContext): readonly LogEvent[]
}

const TOOL = 'python-requests/#\nuser-agent,accept-encoding,accept,connection'
const MINUTE = 60_000

/** One client reads somebody new each `everyMs`. */
function enumeration(name: string, says: string, everyMs: number, people: number, sequential = false): Family {
  return {
    name,
    says,
    make: ({ start, random, benign }) => {
      const address = addressOf(random)
      const first = below(random, 40_000)
      return Array.from({ length: people }, (_none, index) => ({
        ...readingOf(benign),
        time: start + index * everyMs,
        address,
        stack: TOOL,
        subjects: [sequential ? `P${String(first + index)}` : stranger(random)],
        label: name,
      }))
    },
  }
}

/** Many addresses read a few people each, evenly over 8,000 s. */
function distributed(name: string, says: string, each: number, realStacks: boolean): Family {
  return {
    name,
    says,
    make: ({ start, random, benign }) => {
      const stacks = benign.flatMap(({ stack }) => (stack === undefined ? [] : [stack]))
      const clients = Array.from({ length: 500 }, () => ({
        address: addressOf(random),
        stack: realStacks ? (stacks.length === 0 ? undefined : pick(random, stacks)) : TOOL,
      }))
      const total = 500 * each
      return Array.from({ length: total }, (_none, index): LogEvent => {
        const { address, stack } = clients[index % 500] ?? { address: '', stack: undefined }
        return {
          ...readingOf(benign),
          time: start + Math.floor((index * 8_000_000) / total) + below(random, 200),
          address,
          ...(stack === undefined ? {} : { stack }),
          subjects: [stranger(random)],
          label: name,
        }
      })
    },
  }
}

interface Tries {
  readonly addresses: number
  readonly people: number
  readonly tries: number
  readonly everyMs: number
  readonly attempt: 'login' | 'otp-verify'
}

function guessing(name: string, says: string, { addresses, people, tries, everyMs, attempt }: Tries): Family {
  return {
    name,
    says,
    make: ({ start, random, benign }) => {
      const from = Array.from({ length: addresses }, () => addressOf(random))
      const stacks = benign.flatMap(({ stack }) => (stack === undefined ? [] : [stack]))
      return Array.from({ length: tries }, (_none, index): LogEvent => ({
        time: start + index * everyMs,
        address: from[index % addresses] ?? '',
        // As real browsers do: no cohort gives them away.
        ...(stacks.length === 0 ? {} : { stack: pick(random, stacks) }),
        method: 'POST',
        route: attempt,
        path: attempt === 'login' ? '/login' : '/otp/verify',
        subjects: [],
        attempt,
        target: `M${String(index % people)}`,
        status: 401,
        label: name,
      }))
    },
  }
}

const tokenSharing: Family = {
  name: 'token-sharing',
  says: 'one token used from 50 addresses, 4 s apart',
  make: ({ start, random, benign }) => {
    const session = `S${String(below(random, 1e9))}`
    const own = stranger(random)
    return Array.from({ length: 200 }, (_none, index) => ({
      ...readingOf(benign),
      time: start + index * 4_000,
      address: `${String(20 + (index % 50))}.${String(index % 50)}.${String(below(random, 200))}.1`,
      session,
      account: session,
      verified: true,
      subjects: [own],
      label: 'token-sharing',
    }))
  },
}

/** Sessions of a day's people, 35 times as many as usual in the first hour: each keeps its own pace, stack and people. */
const flashCrowd: Family = {
  name: 'flash-crowd',
  says: 'people as on any other day, 35 times as many, in one hour: no attack',
  make: ({ start, random, benign }) => {
    const sessions = [...Map.groupBy(benign, ({ address }) => address).values()]
    const span = Math.max(1, (benign.at(-1)?.time ?? 0) - (benign[0]?.time ?? 0))
    const count = Math.round((35 * sessions.length * 3_600_000) / span)
    return Array.from({ length: Math.min(count, 1_266) }, (_none, index) => {
      const session = pick(random, sessions)
      const begins = start + below(random, 3_600_000)
      const first = session[0]?.time ?? 0
      const address = addressOf(random)
      return session.map((event) => ({
        ...event,
        address,
        time: begins + event.time - first,
        label: BENIGN,
        account: `crowd-${String(index)}`,
      }))
    })
      .flat()
      .sort((one, two) => one.time - two.time)
  },
}

/** A crowd's copy of benign lines where 25 people at a time share an address, each with a session. */
export function behindOneAddress(benign: readonly LogEvent[]): readonly LogEvent[] {
  const clients = new Map<string, number>()
  return benign.map((event) => {
    const client = event.account ?? event.address
    const index = clients.get(client) ?? clients.size
    clients.set(client, index)
    return {
      ...event,
      address: `100.64.${String(Math.floor(index / 25))}.1`,
      session: `nat-${client}`,
      account: `nat-${client}`,
      label: BENIGN,
    }
  })
}

export const FAMILIES: readonly Family[] = [
  enumeration('slow', 'one client, somebody new each 20 s', 20_000, 720),
  enumeration('slower', 'one client, somebody new each 60 s', MINUTE, 240),
  enumeration('slowest', 'one client, somebody new each 5 min for 8 h', 5 * MINUTE, 96),
  enumeration('fast', 'one client, two new people a second', 500, 1_000),
  enumeration('sequential', 'one client, identifiers in order, one each 3 min', 3 * MINUTE, 160, true),
  distributed('distributed', '500 addresses with 20 people each, one client stack', 20, false),
  distributed('distributed-few', '500 addresses with 4 people each, one client stack', 4, false),
  distributed('distributed-real', '500 addresses with 4 people each, stacks of real people', 4, true),
  guessing('otp-brute-force', '500 tries at one person from one address', {
    addresses: 1,
    people: 1,
    tries: 500,
    everyMs: 1_000,
    attempt: 'otp-verify',
  }),
  guessing('otp-brute-force-distributed', '500 tries at one person from 500 addresses', {
    addresses: 500,
    people: 1,
    tries: 500,
    everyMs: 1_000,
    attempt: 'otp-verify',
  }),
  guessing('otp-spray', 'one try at each of 10,000 people, from 2,000 addresses', {
    addresses: 2_000,
    people: 10_000,
    tries: 10_000,
    everyMs: 1_000,
    attempt: 'otp-verify',
  }),
  guessing('stuffing', '200 addresses try five accounts each', {
    addresses: 200,
    people: 1_000,
    tries: 1_000,
    everyMs: 2_000,
    attempt: 'login',
  }),
  tokenSharing,
  flashCrowd,
]

/** Lines of both, in order of time. */
export function inject(benign: readonly LogEvent[], family: readonly LogEvent[]): readonly LogEvent[] {
  return [...benign, ...family].sort((one, two) => one.time - two.time)
}

/** A read that succeeds, on a route that people are read on. */
function readingOf(benign: readonly LogEvent[]): Pick<LogEvent, 'route' | 'method' | 'path' | 'status' | 'subjects'> {
  const found = benign.find(({ subjects, status }) => subjects.length > 0 && status < 300)
  return {
    method: 'GET',
    status: 200,
    subjects: [],
    ...(found?.route === undefined ? {} : { route: found.route }),
    ...(found?.path === undefined ? {} : { path: found.path }),
  }
}

/** Somebody of a space so large that hardly anyone is met twice. */
function stranger(random: Random): string {
  return `X${String(below(random, 2 ** 48))}`
}

function addressOf(random: Random): string {
  return [20 + below(random, 180), below(random, 256), below(random, 256), 1 + below(random, 254)].join('.')
}
