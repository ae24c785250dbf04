// A list of people on its way out.
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Response } from 'express'
import type { PeopleFile } from '../ports/trail-search.ts'
import type { ControlDeps } from './control-deps.ts'

/** Sends the file and removes it. Rejects only before the head has left; a stream that breaks lacks its last line, which tells. */
export async function sendPeople(
  { logger }: Pick<ControlDeps, 'logger'>,
  response: Response,
  { path, bytes }: PeopleFile,
): Promise<void> {
  try {
    response.status(200)
    response.setHeader('Content-Type', 'application/x-ndjson')
    response.setHeader('Content-Length', bytes)
    await pipeline(createReadStream(path), response)
  } catch (error) {
    logger.debug('a list of people did not get through', {
      error: error instanceof Error ? error.message : String(error),
    })
  } finally {
    await rm(path, { force: true })
  }
}
