// A command's way to the control planes that were named: who asks, with what key or token, and where.
import { readFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { isExposed, parseControls, type ControlAddress } from './control-address.ts'
import {
  createTransport,
  type Answer,
  type Answered,
  type ControlRequest,
  type Received,
  type Transport,
} from './exchange.ts'
import { CommandFailure, EXIT, usageFailure } from './failure.ts'
import { fleetNames } from './fleet-names.ts'
import { authorizeByKey } from './login.ts'
import type { Machine } from './machine.ts'
import { passphraseFor } from './passphrase.ts'
import type { Printer } from './print.ts'
import { refusalLines } from './refusal.ts'
import { repeatable } from './repeatable.ts'
import { readSigningKey, reasonOf, signOrder, type SignedOrder, type SigningKey } from './signing-key.ts'

export interface ClientFlags {
  readonly control?: readonly string[]
  readonly key?: string
  readonly as?: string
  readonly tokenFile?: string
  readonly ca?: string
  readonly fleet?: string
  readonly json?: boolean
}

export function addClientOptions(command: Command): Command {
  return command
    .addOption(repeatable('--control <url>', 'a control plane (else PORTCULLIS_CONTROL, else http://127.0.0.1:9080)'))
    .option('--key <file>', 'your private key (else PORTCULLIS_KEY)')
    .option('--as <name>', "your name as a responder, with #ID where the key has one (else the key file's name)")
    .option('--token-file <file>', 'the read token (else PORTCULLIS_TOKEN)')
    .option('--ca <file>', 'PEM of the authority behind a private certificate (else PORTCULLIS_CA)')
    .option('--fleet <name>', 'the fleet that orders are for (else PORTCULLIS_FLEET, else what the control planes say)')
    .option('--json', 'print JSON')
    .addOption(new Option('--token <token>').hideHelp().argParser(refuseToken))
}

function refuseToken(): never {
  throw usageFailure(
    'a token on the command line can be read by every process: set PORTCULLIS_TOKEN, or put it into a file and name that with --token-file',
  )
}

export interface Client {
  readonly controls: readonly ControlAddress[]
  /** Reads the key at first use. */
  readonly key: () => Promise<SigningKey>
  readonly transport: Transport
  sign(order: Readonly<Record<string, unknown>>): Promise<SignedOrder>
  /** One authorised exchange. Never rejects for what the other side does. */
  ask(control: ControlAddress, request: ControlRequest): Promise<Answer>
  /** The same for an answer of lines, which goes into the file. */
  receive(control: ControlAddress, request: ControlRequest, file: string): Promise<Answer | Received>
  /** Whether it signs in with a key: a login is good at one address alone, where a token is good for whoever sees it. */
  readonly signsIn: boolean
  /** The first control plane that answers, tried in turn; its refusal ends the command. */
  read(path: string, more?: Pick<ControlRequest, 'headers' | 'timeoutMs'>): Promise<Answered>
}

/** `patienceMs`: how long an exchange may take (default: 5 s). */
export function createClient(flags: ClientFlags, machine: Machine, printer: Printer, patienceMs?: number): Client {
  const controls = parseControls(flags.control ?? [], variable(machine, 'PORTCULLIS_CONTROL'))
  const keyFile = flags.key ?? variable(machine, 'PORTCULLIS_KEY')
  const caFile = flags.ca ?? variable(machine, 'PORTCULLIS_CA')
  const transport = createTransport(caFile === undefined ? undefined : readTextFile(caFile, '--ca'), patienceMs)
  const token =
    flags.tokenFile === undefined
      ? variable(machine, 'PORTCULLIS_TOKEN')
      : readTextFile(flags.tokenFile, '--token-file').trim()
  let key: Promise<SigningKey> | undefined
  const readKey = (): Promise<SigningKey> => (key ??= readNamedKey(flags, machine))
  const moment = (): { now: number; uniqueId: string } => ({ now: machine.now(), uniqueId: machine.uniqueId() })
  for (const control of controls.filter(isExposed))
    printer.note({
      style: 'yellow',
      text: `${control} is spoken to in clear: use https, or a tunnel to its loopback address`,
    })

  const authorize = async (control: ControlAddress): Promise<Readonly<Record<string, string>> | Answer> => {
    if (token !== undefined && token !== '') return { authorization: `Bearer ${token}` }
    if (keyFile === undefined)
      throw usageFailure(
        'reading takes a read token (PORTCULLIS_TOKEN or --token-file) or a key (--key FILE or PORTCULLIS_KEY)',
      )
    return authorizeByKey(transport, control, await readKey(), moment())
  }
  const authorized = async <T>(
    control: ControlAddress,
    request: ControlRequest,
    send: (request: ControlRequest) => Promise<T>,
  ): Promise<T | Answer> => {
    const headers = await authorize(control)
    return isAnswer(headers) ? headers : send({ ...request, headers: { ...request.headers, ...headers } })
  }
  const ask: Client['ask'] = (control, request) => authorized(control, request, (each) => transport.send(control, each))
  return {
    controls,
    key: readKey,
    transport,
    async sign(order) {
      const signingKey = await readKey()
      const named = flags.fleet ?? variable(machine, 'PORTCULLIS_FLEET')
      const aud = named === undefined ? await fleetNames(transport, controls) : [named]
      return signOrder(signingKey, order, moment(), aud.length === 0 ? {} : { aud })
    },
    ask,
    receive: (control, request, file) => authorized(control, request, (each) => transport.receive(control, each, file)),
    signsIn: (token === undefined || token === '') && keyFile !== undefined,
    read: (path, more = {}) =>
      readInTurn(controls, printer, (control) => ask(control, { ...more, method: 'GET', path })),
  }
}

/** What the environment says: a variable that is set to nothing, as env files leave them behind, says nothing. */
export function variable({ env }: Machine, name: string): string | undefined {
  const value = env[name]
  return value === '' ? undefined : value
}

/** The key that the flags or the environment name. Throws CommandFailure (2) where they name none. */
export async function readNamedKey(flags: Pick<ClientFlags, 'key' | 'as'>, machine: Machine): Promise<SigningKey> {
  const keyFile = flags.key ?? variable(machine, 'PORTCULLIS_KEY')
  if (keyFile === undefined)
    throw usageFailure(
      'no key to sign with: name it with --key FILE or PORTCULLIS_KEY, or make one with portcullis keygen NAME',
    )
  return readSigningKey(keyFile, flags.as, (file) => passphraseFor(machine, file))
}

function isAnswer(value: Readonly<Record<string, string>> | Answer): value is Answer {
  return 'control' in value
}

async function readInTurn(
  controls: readonly ControlAddress[],
  printer: Printer,
  ask: (control: ControlAddress) => Promise<Answer>,
): Promise<Answered> {
  const silent: string[] = []
  for (const control of controls) {
    const answer = await ask(control)
    if ('unreachable' in answer) {
      silent.push(answer.unreachable)
      continue
    }
    for (const line of silent) printer.note({ style: 'yellow', text: line })
    if (answer.status >= 200 && answer.status < 300) return answer
    throw new CommandFailure(EXIT.failed, ...refusalLines(answer))
  }
  throw new CommandFailure(EXIT.failed, ...silent)
}

function readTextFile(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageFailure(`${flag} ${file}: ${reasonOf(error)}`)
  }
}
