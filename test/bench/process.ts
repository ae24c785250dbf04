// Processes under measurement: started pinned to a core, their CPU read from /proc, stopped by process id.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

const TICK_US = 1e6 / Number(execFileSync('getconf', ['CLK_TCK']).toString())
const running = new Set<ChildProcess>()

/** Starts a program on these cores, as taskset takes them. */
export function startPinned(
  cores: string,
  program: string,
  args: readonly string[],
  log: (text: string) => void = () => undefined,
): ChildProcess {
  const child = spawn('taskset', ['-c', cores, program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  child.stdout.on('data', (chunk: Buffer) => {
    log(chunk.toString())
  })
  child.stderr.on('data', (chunk: Buffer) => {
    log(chunk.toString())
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** CPU of a process and all of its children, in microseconds. */
export function cpuUs(pid: number): number {
  return tree(pid).reduce((sum, each) => sum + (readTicks(each) ?? 0), 0) * TICK_US
}

/** CPU of those threads of a process that have this name, in microseconds. */
export function threadCpuUs(pid: number, name: string): number {
  let sum = 0
  for (const thread of readdirSync(`/proc/${String(pid)}/task`)) {
    if (readProc(pid, `task/${thread}/comm`)?.trim() !== name) continue
    sum += Number(readProc(pid, `task/${thread}/schedstat`)?.split(' ')[0] ?? 0) / 1_000
  }
  return sum
}

/** Resident memory of a process and all of its children, in bytes. */
export function residentBytes(pid: number): number {
  return tree(pid).reduce((sum, each) => {
    const found = /VmRSS:\s+(\d+) kB/.exec(readProc(each, 'status') ?? '')
    return sum + Number(found?.[1] ?? 0) * 1024
  }, 0)
}

function tree(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => statFields(each)?.[1] === String(pid))
  return [pid, ...children.flatMap(tree)]
}

function readTicks(pid: number): number | undefined {
  const fields = statFields(pid)
  return fields === undefined ? undefined : Number(fields[11]) + Number(fields[12])
}

/** Fields of /proc/PID/stat after the command's name: the state is the first. */
function statFields(pid: number): string[] | undefined {
  return readProc(pid, 'stat')?.split(') ').at(-1)?.split(' ')
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${String(pid)}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}

/** Ends every process that was started here, with its children. */
export function stopAll(): void {
  for (const child of running) {
    try {
      process.kill(-(child.pid ?? 0), 'SIGTERM')
    } catch {
      // It has gone.
    }
  }
}
