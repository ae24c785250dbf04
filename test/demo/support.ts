// What the demo's tests share: a registry with a clock of its own, a phone, and waiting for a condition without a clock.
import { startRegistry, type Registry, type RegistryOptions } from '../../demo/registry.ts'

export type TestRegistry = Registry & { clock: { nowMs: number }; logged: string[] }

/** Starts a registry on free ports whose certificates are drawn at once; its clock stands until a test moves it. */
export async function openRegistry(options: Partial<RegistryOptions> = {}): Promise<TestRegistry> {
  const clock = { nowMs: Date.UTC(2026, 0, 15, 6) }
  const logged: string[] = []
  const registry = await startRegistry({
    port: 0,
    now: () => clock.nowMs,
    log: (line) => logged.push(line),
    certificatePaceMs: 0,
    eventPaceMs: 5,
    ...options,
  })
  return { ...registry, clock, logged }
}

export const post = (url: string, body: unknown): Promise<Response> =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

export async function json(response: Response | Promise<Response>): Promise<Record<string, unknown>> {
  return (await (await response).json()) as Record<string, unknown>
}

export async function askForCode(registry: Registry, mobile: string): Promise<{ txnId: string; otp: string }> {
  const { txnId } = await json(post(`${registry.url}/api/v2/auth/generateOTP`, { mobile }))
  const { messages } = await json(fetch(`${registry.smsUrl}/inbox/${mobile}`))
  return { txnId: String(txnId), otp: /\d{6}/.exec(String(messages))?.[0] ?? '' }
}

export async function logIn(registry: Registry, mobile: string): Promise<string> {
  const body = await askForCode(registry, mobile)
  return String((await json(post(`${registry.url}/api/v2/auth/confirmOTP`, body))).token)
}

/** Waits, turn by turn of the event loop, until a condition holds; the test's own timeout is the limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}
