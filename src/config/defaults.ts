// The value of each key that a config leaves out, and why it is that value. config/portcullis.example.yaml says the same.

export const DEFAULTS = {
  gateway: {
    /** Loopback: a gateway that nobody has configured yet is not on the network. */
    listen: '127.0.0.1:8080',
    /** One thread is what a sidecar is given; a host of its own sets `auto`. */
    workers: 1,
    /** Nobody's X-Forwarded-For is believed: it is written by the client unless a proxy of ours stands before us. */
    trustedProxies: [] as string[],
    /** Kubernetes kills 30 s after SIGTERM: this leaves ten to sync the trail. */
    drainTimeout: '20s',
    limits: {
      /** Node's own limit and twice nginx's buffer: long cookies and tokens fit, a flood of fields does not. */
      headerBytes: '16KiB',
      /** HAProxy takes 101; a browser sends about twenty. */
      headerCount: 100,
      /** RFC 9110, 4.1, asks for 8000 at least; nginx and Apache take 8 KiB. */
      urlBytes: '8KiB',
      /** A scanned document fits; nginx takes 1 MiB. Bodies are streamed, so this bounds the upstream's work, not our memory. */
      bodyBytes: '16MiB',
      /** A client that takes longer for its header fields holds a socket on purpose (slowloris). */
      headersTimeout: '10s',
      /** The largest body at half a megabit a second takes four and a half minutes. Node's own limit as well. */
      requestTimeout: '5m',
      /** Longer than the 60 s of common load balancers, so that it is they who close, and no request meets a closing socket. */
      idleTimeout: '65s',
      minimumRate: {
        /** The number of IIS and Kestrel, the speed of a modem of 2400 bit/s: slower is a place held on purpose (slowloris). */
        bytes: '240B',
        /** Kestrel gives 5 s, Apache 20 s: one lost packet on a poor radio link is a pause of some seconds. */
        grace: '10s',
      },
      /** Some 10 KiB each: 100 MiB a worker at most. Well below the 65,536 files that a service is commonly given. */
      connections: 10_000,
      /** A carrier's address stands for some hundred phones of six connections each; it still takes ten machines to fill a worker. */
      connectionsPerAddress: 1_000,
      /** nginx's number: what a connection has gathered is let go, and long-lived ones are spread over workers anew. */
      requestsPerConnection: 1_000,
    },
  },
  control: {
    /** Loopback: orders are signed, but what the console shows is not for the network. */
    listen: '127.0.0.1:9080',
    /** A page anywhere can have its name point here (DNS rebinding): only names that were written down are ours. */
    names: [] as string[],
    /** The proposer and one other: a release always takes two people. */
    releaseApprovals: 2,
  },
  store: {
    kind: 'embedded',
    dir: './data',
    /** The time that a cut-off gateway goes on serving what it last knew; renewals come several times in it. */
    lease: '2s',
  },
  upstream: {
    /** One lost SYN is sent again after 1 s; a second loss is an upstream in trouble. */
    connectTimeout: '3s',
    /** Citizens give up before; a report that takes longer is fetched in another way. */
    headersTimeout: '30s',
    /** Between two reads; event streams send a comment each 15 s to stay open. */
    bodyTimeout: '60s',
    /** For each target and worker. More requests than this wait in the gateway, where a lock still reaches them. */
    connections: 128,
    queue: {
      /** Eight times the connections: at 30 ms an answer the last of them waits a quarter of a second. */
      requests: 1_024,
      /** Who has waited as long is about to give up; an answer now is better than work for nobody. */
      timeout: '5s',
    },
    health: {
      /** With three failures a dead target is out within 15 s; refused connections pass it over at once, without any check. */
      interval: '5s',
      /** A target that cannot say within this that it is well would keep citizens waiting longer. */
      timeout: '2s',
      /** One answer may be luck. */
      healthyAfter: 2,
      /** One lost packet is no outage, and each target less is load on the others. */
      unhealthyAfter: 3,
    },
  },
  route: {
    /** The route's own lock flag. */
    lock: 'open',
    /** A route that says nothing is not public. */
    session: 'required',
    /** When it is not known whether a lock has landed, nothing leaves. */
    stale: 'frozen',
    /** No response without a record. */
    audit: 'strict',
    tags: [] as string[],
    /** One spelling of each path: what else an upstream would take for it is refused. */
    ignoreCase: false,
    trailingSlash: 'exact',
    /** The upstream is told who calls by the gateway; a token that it need not see cannot leak there. */
    forwardAuthorization: false,
    /** It costs a look at every byte. */
    pii: false,
    /** A request that names people fits many times; it is held in memory while it is judged. */
    bodyBytes: '64KiB',
    response: {
      /** What cannot be judged may be anybody's record. */
      unknown: 'refuse',
      /** A household's records fit a hundred times over; so much is held for each such answer at once. */
      bytes: '256KiB',
    },
  },
  session: {
    /** Clocks of two hosts under NTP differ by milliseconds; this allows for one that has lost it. */
    clockTolerance: '30s',
    /** RFC 8176: a one-time password, and one that came by SMS. */
    otpAmr: ['otp', 'sms'],
    /** Numbers are written without a country code where everybody is of one country: India's. */
    countryCode: '91',
    /** RFC 6750, 2.1: what no browser sends by itself, and no log of a proxy keeps. */
    from: ['bearer'] as string[],
    /** A worker's: 27 MiB at most. A city's phones in an hour; more are verified anew, at a third of a millisecond. */
    remember: 100_000,
    introspection: {
      /** An issuer that takes longer would keep every citizen waiting. */
      timeoutMs: 2_000,
      /** A page's requests cost one question; a session that was ended lives as long. */
      cacheMs: 10_000,
    },
    redis: {
      timeoutMs: 500,
      /** A look-up costs a fifth of a millisecond: little is won by a longer one. */
      cacheMs: 2_000,
    },
    dpop: {
      /** Off: clients must learn a nonce first, and not every library does. */
      nonce: false,
      /** Clocks of phones are off by seconds; what is older was made in advance. */
      maxAge: '60s',
      algorithms: ['ES256', 'EdDSA'] as ('ES256' | 'EdDSA')[],
    },
  },
  otp: {
    /** Long enough for one errand. */
    session: '15m',
    /** A key that has got out is of use for two days at most. */
    rotate: '24h',
    webhook: {
      /** A code is good for three minutes: three tries of this, and their pauses, take half a minute. */
      timeout: '5s',
    },
    limits: {
      /** Somebody who has not got it in five messages will not get it by a sixth. */
      number: '5/15m',
      /** Of a million codes: who tries so many each day for a year finds one with 1.8 percent. */
      failures: '50/d',
      /** A carrier's address stands for some hundred phones. */
      address: '60/15m',
      /** An SMS costs money: a flood of requests must not cost all of it. */
      total: '600/m',
    },
  },
  audit: {
    /** Directions of CERT-In (28 April 2022), iv: logs of 180 days. Less is refused. */
    retention: '180d',
    /** A search that takes minutes is of no use at night; where the package is missing nothing is built. */
    index: true,
    exportFormat: 'ndjson',
    /** Half a gigabyte of Redis. */
    streamLengthMax: 1_000_000,
    /** What two write-ahead files of a worker take when they are sealed, and as much again: below it nothing new is begun. */
    reserve: '64MiB',
    clock: {
      /** A quartz drifts by a few milliseconds in that time: what is off by more has been set, or has lost its server. */
      every: '5m',
      /** The order of records of two gateways is told by their times. */
      alarm: '1s',
    },
  },
  throttle: {
    /** What is learned is shown before it counts. */
    learn: 'shadow',
    /** 77 MB in all. */
    sessions: 100_000,
    addresses: 50_000,
    lockTtl: '2h',
  },
  log: {
    level: 'info',
  },
} as const

/** The proposer is the first of them: a release always takes two people. */
export const RELEASE_APPROVALS_MIN = 2
/** The least that `audit.retention` may be. */
export const RETENTION_MIN_MS = 180 * 86_400_000
/** A lease is renewed several times in its length: below 100 ms one late timer loses it. */
export const LEASE_MIN_MS = 100
/** A gateway must not serve a stale view for longer than a minute, whatever is configured. */
export const LEASE_MAX_MS = 60_000
/** Beyond five minutes it is no tolerance but a longer life for every token. */
export const CLOCK_TOLERANCE_MAX_MS = 300_000
/** One data-plane thread a core is useful; shared memory is laid out for no more than this. */
export const WORKERS_MAX = 128
