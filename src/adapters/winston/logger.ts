// The operational log by winston: one JSON object a line, or one readable line where a person looks on.
import { createLogger as createWinston, format, transports } from 'winston'
import type { Instant } from '../../core/time.ts'
import type { Logger } from '../../ports/logger.ts'
import { formatJson, formatPretty, type LogLine } from './log-line.ts'

export interface LoggerOptions {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly now: () => Instant
  /** Where lines go; standard output by default, all levels alike, so that their order is kept. */
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean }
  /** By default where the stream is a terminal. */
  readonly pretty?: boolean
  /** Fields of every line: the worker's name. A line's own field of the same name comes first. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/**
 * Lines have `time` (RFC 3339, UTC), `level` and `message` first, then the fields; a field cannot take the name of one of the three.
 * Nothing that a field holds makes it throw, and a reader that has gone away (EPIPE) costs lines, never the gateway.
 */
export function createLogger(options: LoggerOptions): Logger {
  const stream = options.stream ?? process.stdout
  const write = (options.pretty ?? stream.isTTY === true) ? formatPretty : formatJson
  stream.on('error', ignore)
  const winston = createWinston({
    level: options.level,
    levels: { error: 0, warn: 1, info: 2, debug: 3 },
    format: format.printf((info) => write(info.line as LogLine)),
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston types the instance by an interface of its own
    transports: [new transports.Stream({ stream })],
  })
  const log = (
    level: LoggerOptions['level'],
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void => {
    if (!winston.isLevelEnabled(level)) return
    // Winston reads meaning into the names of fields (`message`, `level`, `stack`): they travel in one of their own.
    const line: LogLine = {
      time: new Date(options.now()).toISOString(),
      level,
      message,
      fields: { ...options.fields, ...fields },
    }
    winston.log({ level, message, line })
  }
  return {
    debug: (message, fields) => {
      log('debug', message, fields)
    },
    info: (message, fields) => {
      log('info', message, fields)
    },
    warn: (message, fields) => {
      log('warn', message, fields)
    },
    error: (message, fields) => {
      log('error', message, fields)
    },
  }
}

function ignore(): void {
  // The log has nowhere to say that the log is broken.
}
