// `npm start`: the sample registry, the gateway in front of it, citizens and a scraper; Ctrl-C stops all of it.
import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { demoConfig, PARTNER_MENDED, type DemoResponder } from './config.ts'
import { watchDecisions } from './live.ts'
import { startRegistry } from './registry.ts'
import { openSmsWebhook } from './sms-webhook.ts'

const root = path.resolve(import.meta.dirname, '..')
const values = readFlags()
const home = path.resolve(root, values.dir)
const shown = path.relative(process.cwd(), home) || '.'
const stopping = new AbortController()
const children: ChildProcess[] = []

function readFlags() {
  try {
    return parseArgs({
      options: {
        'gateway-port': { type: 'string', default: '8080' },
        'control-port': { type: 'string', default: '9080' },
        dir: { type: 'string', default: '.demo' },
        /** For a quiet terminal: no line a second. */
        quiet: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error))
  }
}

function refuse(why: string): never {
  console.error(`${why}\nUsage: npm start -- [--gateway-port PORT] [--control-port PORT] [--dir DIR] [--quiet]`)
  process.exit(2)
}

function portOf(flag: 'gateway-port' | 'control-port'): number {
  const port = Number(values[flag])
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : refuse(`--${flag} ${values[flag]} is no port`)
}

function makeResponder(name: string, role: string): DemoResponder {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(path.join(home, 'keys', `${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  })
  return { name, role, key: publicKey.export({ format: 'jwk' }).x ?? '' }
}

/** The wanted port, or a clear end where something else has it. */
async function claimPort(port: number, flag: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  }).catch(() => {
    console.error(`Port ${String(port)} is taken: stop what uses it, or say npm start -- --${flag} PORT.`)
    process.exit(1)
  })
  await new Promise((resolve) => server.close(resolve))
}

function start(name: string, args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Warnings and errors are shown; the rest is in the log, beside the data.
  const log: string[] = []
  const hear = (chunk: Buffer): void => {
    for (const line of chunk.toString().split('\n')) {
      if (line === '') continue
      log.push(line)
      if (/"level":"(warn|error)"|Error|problem/.test(line)) console.log(`  ${name}: ${line}`)
    }
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.on('exit', (code) => {
    if (stopping.signal.aborted) return
    console.error(`The demo's ${name} ended with ${String(code)}:\n${log.slice(-10).join('\n')}`)
    void stop(1)
  })
  children.push(child)
  return child
}

async function stop(code: number): Promise<void> {
  if (stopping.signal.aborted) return
  stopping.abort()
  for (const child of children) child.kill('SIGTERM')
  const gone = children.map((child) =>
    child.exitCode === null ? new Promise((resolve) => child.once('exit', resolve)) : undefined,
  )
  await Promise.race([Promise.all(gone), delay(15_000)])
  for (const child of children) child.kill('SIGKILL')
  await Promise.all([registry.close(), phone.close()])
  console.log(
    `\nStopped. What it recorded is in ${shown}/data/audit:\n  npx --no portcullis audit verify ${shown}/data/audit`,
  )
  process.exit(code)
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 300 && !stopping.signal.aborted; tries++) {
    if (
      await fetch(url).then(
        (answer) => answer.ok,
        () => false,
      )
    )
      return
    await delay(100)
  }
  if (stopping.signal.aborted) return
  console.error('The gateway was not ready within 30 s.')
  await stop(1)
}

const gatewayPort = portOf('gateway-port')
const controlPort = portOf('control-port')
await claimPort(gatewayPort, 'gateway-port')
await claimPort(controlPort, 'control-port')
if (existsSync(home)) console.log(`\n  ${shown} is made anew: what an earlier run locked and recorded is gone.`)
rmSync(home, { recursive: true, force: true })
mkdirSync(path.join(home, 'keys'), { recursive: true, mode: 0o700 })

const print = (line: string): void => {
  console.log(`  ${new Date().toISOString().slice(11, 19)}  ${line}`)
}
const registry = await startRegistry({ port: 0 })
const webhookSecret = randomBytes(24).toString('base64url')
const phone = await openSmsWebhook(webhookSecret, print)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0))
const readToken = randomBytes(24).toString('base64url')
const responders = [
  makeResponder('night-desk', 'responder'),
  makeResponder('lead', 'commander'),
  makeResponder('chief', 'commander'),
]
writeFileSync(path.join(home, 'jwks.json'), JSON.stringify(registry.jwks))
writeFileSync(path.join(home, 'locks.yaml'), 'freeze: false\n')
writeFileSync(path.join(home, 'read.token'), `${readToken}\n`, { mode: 0o600 })
writeFileSync(path.join(home, 'otp-webhook.secret'), `${webhookSecret}\n`, { mode: 0o600 })
const configFile = path.join(home, 'portcullis.yaml')
writeFileSync(
  configFile,
  demoConfig({
    gatewayPort,
    controlPort,
    registryUrl: registry.url,
    smsWebhookUrl: phone.url,
    readTokenSha256: createHash('sha256').update(readToken).digest('hex'),
    responders,
  }),
)

const gateway = `http://127.0.0.1:${String(gatewayPort)}`
const control = `http://127.0.0.1:${String(controlPort)}`
start('gateway', ['src/main.ts', 'serve', '--config', configFile])
await untilReady(`${control}/readyz`)
start('traffic', ['demo/traffic.ts', '--gateway', gateway, '--sms', registry.smsUrl])

const atControl = controlPort === 9080 ? '' : ` --control ${control}`
console.log(`
  Portcullis demo: a citizen registry of ${String(registry.stats.citizens)} generated people, with the gate in front of it.

    gateway        ${gateway}      (try ${gateway}/api/v2/facilities)
    console        ${control}/console/   (make a key there, then: npm run demo:enrol -- THE LINE THAT IT SHOWS; or look with the read token)
    control plane  ${control}      (metrics ${control}/metrics, API ${control}/docs)
    responders     night-desk (may lock), lead and chief (may approve): keys in ${shown}/keys
    read token     in ${shown}/read.token
    config         ${shown}/portcullis.yaml

  Citizens look at their own records. A scraper walks mobile numbers through a partner endpoint, a record each.
  In a second terminal, see the leak, drop the gate, look, and raise it again (a release takes two people):

    npx --no portcullis anomalies --key ${shown}/keys/night-desk.key${atControl}
    npx --no portcullis freeze  --key ${shown}/keys/night-desk.key${atControl} --reason "leak suspected" --incident INC-1 --wait
    npx --no portcullis status  --key ${shown}/keys/night-desk.key${atControl}
    npx --no portcullis release --key ${shown}/keys/lead.key${atControl} --all --reason "partner endpoint closed"

  Then close the hole for good: npm run demo:mend. The partner endpoint asks for a code from then on, and codes are shown here.
  Ctrl-C stops all of it.
`)
if (!values.quiet) {
  const isHoleOpen = (): boolean => !readFileSync(configFile, 'utf8').includes(PARTNER_MENDED)
  await watchDecisions(`${control}/metrics`, isHoleOpen, print, stopping.signal)
}
