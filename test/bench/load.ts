// The load: wrk on the second core, a thousand sessions in turn, as many requests as the gate takes.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { cpuUs } from './process.ts'

export type Reading = { cpuUs: number; perSecond: number; p99Ms: number; refused: number }

export function writeScript(dir: string, tokens: readonly string[]): string {
  const list = path.join(dir, 'tokens')
  writeFileSync(list, tokens.join('\n'))
  const script = path.join(dir, 'load.lua')
  writeFileSync(
    script,
    `local t={} for l in io.lines("${list}") do t[#t+1]=l end
local i=0
request=function() i=i+1 return wrk.format("GET","/api/v2/beneficiaries/"..(i%1000),{["Authorization"]="Bearer "..t[(i%#t)+1]}) end\n`,
  )
  return script
}

export async function measure(options: {
  script: string
  port: number
  pid: number
  seconds: number
  connections: number
}): Promise<Reading> {
  const { script, port, pid, seconds, connections } = options
  const before = cpuUs(pid)
  const args = [
    '-c',
    '1',
    'wrk',
    '-s',
    script,
    '-t1',
    `-c${String(connections)}`,
    `-d${String(seconds)}s`,
    '--latency',
    `http://127.0.0.1:${String(port)}/`,
  ]
  const text = await new Promise<string>((resolve, reject) => {
    execFile('taskset', args, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(error)
    })
  })
  const used = cpuUs(pid) - before
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)
  const unit = /99%\s+[\d.]+(us|ms|s)/.exec(text)?.[1]
  const scale = unit === 'us' ? 1e-3 : unit === 's' ? 1e3 : 1
  return {
    cpuUs: used / number(/(\d+) requests in/),
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p99Ms: number(/99%\s+([\d.]+)/) * scale,
    refused: number(/Non-2xx or 3xx responses: (\d+)/),
  }
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? NaN
