// What every command of a fresh clone needs first, in plain JavaScript for any Node from 20 up: the dependencies, and the pinned runtime.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const bin = path.join(root, 'node_modules', '.bin')
const NODE_MAJOR_MIN = 24

/** Installs what the lock file names, unless it stands already. */
export function install() {
  const stamp = path.join(root, 'node_modules', '.package-lock.json')
  const lock = path.join(root, 'package-lock.json')
  if (fs.existsSync(stamp) && fs.statSync(stamp).mtimeMs >= fs.statSync(lock).mtimeMs) return
  console.log('Installing dependencies (npm ci) ...')
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}

/** The pinned Node of node_modules, else the Node that runs this where it is new enough. */
export function runtime() {
  const pinned = path.join(bin, 'node')
  if (fs.existsSync(pinned)) return pinned
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) return process.execPath
  console.error(
    `Portcullis needs Node ${NODE_MAJOR_MIN} or newer here: this is ${process.version}, and no runtime package exists for ${process.platform} ${process.arch}.`,
  )
  process.exit(1)
}

/** The environment in which npm's own scripts would run: the project's programs first. */
export function environment() {
  return { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` }
}

/** Runs a program to its end; its failure is ours. */
export function run(program, args, options = {}) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', env: environment(), ...options })
  if (error) console.error(`${program}: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

const PARENT_LOOK_MS = 500

/**
 * Runs a program in the foreground: signals are passed on, its exit code is ours. A signal to npm alone ends the shell that npm
 * runs us by, and is not passed on: whoever has lost that shell is told to end as well.
 */
export function become(program, args) {
  const child = spawn(program, args, { cwd: root, stdio: 'inherit', env: environment() })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
  const shell = process.ppid
  if (process.env.npm_lifecycle_event !== undefined)
    setInterval(() => process.ppid === shell || child.kill('SIGTERM'), PARENT_LOOK_MS).unref()
}
