// Programs of the distribution that tests and benchmarks start by themselves, on ports of their own.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** Debian package -> the program that shows it is there. */
const PACKAGES = {
  chromium: 'chromium',
  prometheus: 'promtool',
  'redis-server': 'redis-server',
  nginx: 'nginx',
  haproxy: 'haproxy',
  wrk: 'wrk',
  zsh: 'zsh',
  fish: 'fish',
}

const where = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin']
const isThere = (program) => where.some((dir) => fs.existsSync(path.join(dir, program)))

/** Installs what is missing where that can be done (root on Debian or Ubuntu), and says loudly what still is. */
export function ensurePackages(names) {
  const missing = () => names.filter((name) => !isThere(PACKAGES[name]))
  if (missing().length === 0) return
  if (process.getuid?.() === 0 && fs.existsSync('/usr/bin/apt-get')) {
    console.log(`Installing ${missing().join(', ')} from the distribution ...`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    // Installed for their programs alone: no service of theirs is started.
    const policy = '/usr/sbin/policy-rc.d'
    const ours = !fs.existsSync(policy)
    if (ours) fs.writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    try {
      spawnSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 'ignore', 'inherit'], env })
      spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing()], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env,
      })
    } finally {
      if (ours) fs.rmSync(policy)
    }
  }
  for (const name of missing()) {
    console.warn(
      `MISSING: ${PACKAGES[name]} (package ${name}). The tests that need it are SKIPPED; install it to run them.`,
    )
  }
}
