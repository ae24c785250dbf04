// portcullis simulate: families of attacks, seeded, mixed into a benign log for replay, or played at a gateway of one's own.
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Argument } from 'commander'
import { FAMILIES, inject, type Family } from '../../throttle/replay/families.ts'
import { BENIGN, type LogEvent } from '../../throttle/replay/event.ts'
import { createRandom } from '../../throttle/replay/random.ts'
import { examples, type Context, type Define } from '../command.ts'
import { EXIT, usageFailure, type ExitCode } from '../failure.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { formatOption, openLog } from '../replay/open-log.ts'

interface SimulateFlags {
  readonly into?: string
  readonly format: string
  readonly columns?: string
  readonly out?: string
  readonly at?: string
  readonly path: string
  readonly speed: string
  readonly max: string
  readonly seed: string
  readonly after: string
}

export const define: Define = (command, context) => {
  command
    .addArgument(familyArgument())
    .option('--into <log>', 'a benign log that it is mixed into')
    .option('--out <file>', 'where the mixed log goes, as NDJSON with labels (standard output unless said)')
    .addOption(formatOption())
    .option('--columns <map>', 'which column of the log is what')
    .option('--after <minutes>', 'how long after the first line it begins', '60')
    .option('--at <url>', 'or a gateway of your own, on loopback, that it is played at')
    .option('--path <template>', 'what is asked for there, with {subject}', '/api/v2/beneficiaries/{subject}')
    .option('--speed <factor>', 'how many times faster than it would be', '60')
    .option('--max <requests>', 'ends after so many', '500')
    .option('--seed <n>', 'the same seed makes the same lines', '1')
  command.addHelpText(
    'after',
    `\nFamilies:\n${FAMILIES.map(({ name, says }) => `  ${name.padEnd(28)} ${says}\n`).join('')}`,
  )
  examples(
    command,
    'portcullis simulate slow --into access.log --out mixed.ndjson',
    'portcullis simulate fast --at http://127.0.0.1:8080',
  )
  command.action(async (name: string, flags: SimulateFlags) => {
    context.finish(await simulate(name, flags, context))
  })
}

function familyArgument(): Argument {
  const argument = new Argument('<family>', 'what is simulated')
  argument.argChoices = FAMILIES.map(({ name }) => name)
  return argument
}

async function simulate(name: string, flags: SimulateFlags, context: Context): Promise<ExitCode> {
  const family = FAMILIES.find((each) => each.name === name)
  if (family === undefined)
    throw usageFailure(
      `${name}: there is no such family${didYouMean(
        name,
        FAMILIES.map((each) => each.name),
      )}`,
    )
  if ((flags.into === undefined) === (flags.at === undefined))
    throw usageFailure('say where to: --into LOG or --at URL, one of the two')
  const seed = wholeOf('--seed', flags.seed)
  return flags.into === undefined
    ? play(family, seed, flags, context)
    : mix(family, seed, flags.into, { flags, context })
}

async function mix(
  family: Family,
  seed: number,
  file: string,
  { flags, context }: { readonly flags: SimulateFlags; readonly context: Context },
): Promise<ExitCode> {
  const log = openLog(file, flags)
  const benign: LogEvent[] = []
  for await (const event of log.events()) benign.push({ label: BENIGN, ...event })
  benign.sort((one, two) => one.time - two.time)
  const first = benign[0]
  if (first === undefined) throw usageFailure(`${file}: has no line that can be read`)
  const start = first.time + 60_000 * wholeOf('--after', flags.after)
  const lines = inject(benign, family.make({ start, random: createRandom(seed), benign }))
  const { machine, printer } = context
  const out = flags.out === undefined ? machine.stdout : createWriteStream(flags.out)
  for (const line of lines) if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain')
  if (flags.out !== undefined)
    await new Promise<void>((resolve) => {
      out.end(resolve)
    })
  printer.note(
    `${lines.length} lines, ${lines.length - benign.length} of them of ${family.name}${log.broken.count > 0 ? `; ${log.broken.count} broken lines were skipped` : ''}`,
  )
  return EXIT.done
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/

/** At one's own machine alone: this is no tool against others. Addresses are told by X-Forwarded-For, which the gateway must trust. */
async function play(family: Family, seed: number, flags: SimulateFlags, { printer }: Context): Promise<ExitCode> {
  const base = loopback(flags.at ?? '')
  const speed = wholeOf('--speed', flags.speed)
  const events = family.make({ start: 0, random: createRandom(seed), benign: [] }).slice(0, wholeOf('--max', flags.max))
  const counts = new Map<number, number>()
  let last = events[0]?.time ?? 0
  for (const { time, address, subjects, target, stack, method = 'GET' } of events) {
    if (time > last) await delay((time - last) / speed)
    last = time
    const path = flags.path.replace('{subject}', encodeURIComponent(subjects[0] ?? target ?? ''))
    const agent = agentOf(stack)
    const status = await ask(new URL(path, base), method, {
      'x-forwarded-for': address,
      'user-agent': agent,
    })
    counts.set(status, (counts.get(status) ?? 0) + 1)
    printer.progress([...counts].map(([code, count]) => `${code}: ${count}`).join('  '))
  }
  printer.progress('')
  for (const [status, count] of [...counts].sort(([one], [two]) => one - two))
    printer.out(`${String(status)}  ${String(count)}`)
  return EXIT.done
}

function loopback(text: string): URL {
  const base = URL.parse(text)
  if (base !== null && LOOPBACK.test(base.hostname)) return base
  throw usageFailure(`--at ${text}: must be an URL on loopback, as in http://127.0.0.1:8080`)
}

function agentOf(stack = 'browser'): string {
  return stack.split('\n')[0] ?? ''
}

async function ask(url: URL, method: string, headers: Readonly<Record<string, string>>): Promise<number> {
  try {
    const answer = await fetch(url, { method, headers, signal: AbortSignal.timeout(10_000) })
    await answer.arrayBuffer()
    return answer.status
  } catch (error) {
    throw usageFailure(`${url.origin}: ${error instanceof Error ? error.message : 'does not answer'}`)
  }
}

function wholeOf(option: string, text: string): number {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 0) return number
  throw usageFailure(`${option} ${text}: must be a whole number`)
}
