// The log: one object a line, whatever the values; nothing that a terminal would obey; and a broken pipe breaks nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Writable } from 'node:stream'
import { resolve } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { createLogger, type LoggerOptions } from '../../../src/adapters/winston/logger.ts'

const noon = Date.UTC(2023, 5, 12, 12, 0, 0, 7)

function capture(options: Partial<LoggerOptions> = {}) {
  const written: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk.toString())
      done()
    },
  })
  const logger = createLogger({ level: 'debug', now: () => noon, stream, ...options })
  const text = (): string => written.join('')
  const lines = (): Record<string, unknown>[] =>
    text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { logger, text, lines, stream }
}

describe('a line in JSON', () => {
  test('has RFC 3339 time, level and message first, then its fields', () => {
    const { logger, text } = capture()
    logger.info('listening', { port: 8080, tls: false })
    expect(text()).toBe(
      '{"time":"2023-06-12T12:00:00.007Z","level":"info","message":"listening","port":8080,"tls":false}\n',
    )
  })

  test('holds no identifier of a person, wherever one was written', () => {
    const { logger, text } = capture()
    logger.warn('asked by 9876543210', { problems: ['no "ABCPD1234Z"'], error: new Error('to a@b.example.in') })
    expect(text()).toContain('"message":"asked by …","problems":["no \\"…\\""],"error":"Error: to …"')
  })

  test('stays one line, whatever the message and the values hold', () => {
    const { logger, lines } = capture()
    logger.warn('a\nb\r\n{"level":"error"}', { value: 'x\n{"time":"forged"}\u2028\u2029' })
    expect(lines()).toEqual([
      {
        time: '2023-06-12T12:00:00.007Z',
        level: 'warn',
        message: 'a\nb\r\n{"level":"error"}',
        value: 'x\n{"time":"forged"}\u2028\u2029',
      },
    ])
  })

  test('cannot be given another time, level or message by a field', () => {
    const { logger, lines } = capture()
    logger.error('real', {
      message: 'forged',
      level: 'debug',
      time: 'never',
      stack: 's',
      splat: 'p',
      ['__proto__']: 'q',
    })
    expect(lines()[0]).toMatchObject({
      level: 'error',
      message: 'real',
      _message: 'forged',
      _level: 'debug',
      _time: 'never',
      stack: 's',
      splat: 'p',
    })
  })

  test('writes errors, bigints, dates, cycles, depths and unreadable values without throwing', () => {
    const { logger, lines } = capture()
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const hostile = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no')
        },
      },
    )
    const error = Object.assign(new TypeError('cannot bind', { cause: new Error('in use') }), { code: 'EADDRINUSE' })
    logger.error('odd', {
      error,
      big: 7n,
      at: new Date(noon),
      cycle,
      hostile,
      nan: NaN,
      none: undefined,
      run: () => 1,
      mark: Symbol('x'),
    })
    const [line] = lines()
    expect(line).toMatchObject({
      error: 'TypeError: cannot bind (EADDRINUSE): in use',
      big: '7',
      at: '2023-06-12T12:00:00.007Z',
      hostile: '[unreadable]',
      nan: 'NaN',
    })
    expect(JSON.stringify(line?.cycle)).toContain('[deep]')
    expect(line).not.toHaveProperty('run')
  })

  test('is cut where a value is huge', () => {
    const { logger, text } = capture()
    logger.info('x'.repeat(100_000), { y: 'y'.repeat(100_000) })
    expect(text().length).toBeLessThan(20_000)
  })
})

test.each([
  ['error', 1],
  ['warn', 2],
  ['info', 3],
  ['debug', 4],
] as const)('level %s lets %i of the four levels through', (level, count) => {
  const { logger, lines } = capture({ level })
  logger.error('e')
  logger.warn('w')
  logger.info('i')
  logger.debug('d')
  expect(lines()).toHaveLength(count)
})

test('fields of every line are overridden by a line of its own', () => {
  const { logger, lines } = capture({ fields: { worker: 'w1', part: 'x' } })
  logger.info('one', { part: 'y' })
  expect(lines()[0]).toMatchObject({ worker: 'w1', part: 'y' })
})

describe('on a terminal', () => {
  test('a line is readable', () => {
    const { logger, text } = capture({ pretty: true })
    logger.warn('the trail is slow', { milliseconds: 250, worker: 'w1', note: 'two words', none: undefined })
    expect(text()).toBe('12:00:00.007 WARN  the trail is slow  milliseconds=250 worker=w1 note=two words\n')
  })

  test('no value reaches the terminal as a control, escape or bidirectional mark', () => {
    const { logger, text } = capture({ pretty: true })
    logger.warn('m\u001b[2J\u009b2J', { ['k\u001b[0m']: 'v\u001b]0;t\u0007\r\n\u202eabc\u2066\u007f\u0085' })
    expect(text().slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/)
    expect(text().endsWith('\n')).toBe(true)
  })

  test('pretty is what a terminal gets by default, and JSON what a pipe gets', () => {
    const terminal = capture()
    Object.assign(terminal.stream, { isTTY: true })
    createLogger({ level: 'info', now: () => noon, stream: terminal.stream }).info('hello')
    expect(terminal.text()).toBe('12:00:00.007 INFO  hello\n')
  })
})

test('a reader that has gone away costs lines, never the process', async () => {
  const root = resolve(import.meta.dirname, '../../..')
  const script = `
    import { createLogger } from '${root}/src/adapters/winston/logger.ts'
    const logger = createLogger({ level: 'info', now: () => 0 })
    let turns = 0
    const timer = setInterval(() => {
      logger.info('x'.repeat(1000))
      if (++turns === 50) { clearInterval(timer); process.exitCode = 7 }
    }, 2)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.once('data', () => child.stdout.destroy())
  let complaint = ''
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
  const [code] = (await once(child, 'exit')) as [number]
  expect([code, complaint]).toEqual([7, ''])
})
