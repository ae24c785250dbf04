// The demo's portcullis.yaml, with its ports and the keys of its three responders.

export type DemoResponder = { name: string; role: string; key: string }
export type DemoConfig = {
  gatewayPort: number
  controlPort: number
  registryUrl: string
  /** Where the gateway's own codes are posted to; signed with the secret in otp-webhook.secret beside the file. */
  smsWebhookUrl: string
  /** SHA-256 of the read token, hex. */
  readTokenSha256: string
  responders: readonly DemoResponder[]
}

/** The hole of the story, as it stands in the file. */
export const PARTNER_OPEN = `  # The hole of the story: a partner that is let in reads a whole record for a bare mobile number. Nothing here stops it, but a lock.
  - { id: partner.lookup, path: "/api/v2/partner/lookup/{mobile}", methods: [GET], tags: [partner, pii], session: none }
`

/** The same route with what the incident taught. */
export const PARTNER_MENDED = `  # Mended: a partner key is not enough. An OTP must have gone to the number that is asked for, and the answer must be of that number.
  - id: partner.lookup
    path: /api/v2/partner/lookup/{mobile}
    methods: [GET]
    tags: [partner, pii]
    session: { level: required, maxAge: 15m, number: param.mobile }
    response: { number: [/mobile], subjects: [/beneficiaries/*/beneficiaryId] }
`

/** The text of the file. Paths in it are relative to the folder that it is written to. */
export function demoConfig(demo: DemoConfig): string {
  const { gatewayPort, controlPort, registryUrl, smsWebhookUrl, readTokenSha256, responders } = demo
  const people = responders.map(({ name, role, key }) => `    - { name: ${name}, role: ${role}, key: "${key}" }`)
  return `# The demo's gateway. Edit it while the demo runs: a good change is taken within a second, a bad one is named and left.
gateway:
  listen: 127.0.0.1:${String(gatewayPort)}
  workers: 1
  trustedProxies: [127.0.0.1/32]     # the demo's callers stand behind one, so that each has an address of its own
control:
  listen: 127.0.0.1:${String(controlPort)}
  responders:
${people.join('\n')}
  releaseApprovals: 2
  readToken: { sha256: "${readTokenSha256}" }
store: { kind: embedded, dir: ./data, lease: 2s }
upstreams:
  registry: { url: "${registryUrl}" }
defaults: { upstream: registry, session: required, stale: frozen, audit: strict }
session:
  issuers:
    - issuer: https://otp.registry.example
      jwks: { file: ./jwks.json }
      algorithms: [ES256]
      audience: registry
      otp: { amr: [otp, sms] }
# Codes of the gateway's own, for the partner endpoint, which has none: POST /.portcullis/otp/request and /verify.
otp:
  issuer: https://gate.registry.example
  audience: registry
  webhook: { url: "${smsWebhookUrl}", secretFile: ./otp-webhook.secret }   # in the demo: the terminal of npm start
audit: { dir: ./data/audit, retention: 180d }
locks: { file: ./locks.yaml }
routes:
  - { id: otp.generate, path: /api/v2/auth/generateOTP, methods: [POST], tags: [auth], session: none, throttle: { requests: 30/m } }
  - { id: otp.confirm, path: /api/v2/auth/confirmOTP, methods: [POST], tags: [auth], session: none, throttle: { requests: 30/m } }
  - id: beneficiary.read
    path: /api/v2/beneficiaries/{beneficiaryId}
    methods: [GET]
    tags: [pii]
    session: { level: required, maxAge: 15m, bind: { param.beneficiaryId: claim.beneficiary_ids } }
    throttle: { requests: 60/m }
  - id: appointment.list
    path: /api/v2/appointments/{beneficiaryId}
    methods: [GET]
    tags: [pii]
    session: { level: required, maxAge: 15m, bind: { param.beneficiaryId: claim.beneficiary_ids } }
  - { id: appointment.book, path: /api/v2/appointments, methods: [POST], tags: [pii], session: { level: required, maxAge: 15m } }
  - id: certificate.download
    path: /api/v2/certificates/{beneficiaryId}
    methods: [GET]
    tags: [pii]
    session: { level: required, maxAge: 15m, bind: { param.beneficiaryId: claim.beneficiary_ids } }
  - { id: facility.list, path: /api/v2/facilities, methods: [GET], tags: [public], session: none, audit: best-effort }
  - { id: facility.slots, path: "/api/v2/facilities/{facilityId}/slots", methods: [GET], tags: [public], session: none, audit: best-effort }
  - { id: slot.events, path: /api/v2/events, methods: [GET], tags: [public], session: none, audit: best-effort }
${PARTNER_OPEN}`
}
