// The trail's checkpoint and tiles, as any witness or verifier reads them (C2SP tlog-tiles).
import { join } from 'node:path'
import type { Response } from 'express'
import { type Files, nodeFiles } from '../../audit/files.ts'
import { readTile } from '../../audit/tile-reader.ts'
import { parseTilePath } from '../../audit/tiles.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { readBounded } from '../read-bounded.ts'
import type { Resource } from '../resource.ts'

/** A full bundle: 256 entries of 65,535 bytes and their lengths. */
const BUNDLE_BYTES_MAX = 256 * 65_537
const CHECKPOINT_BYTES_MAX = 65_536

export function auditLogResources({ auditDir }: ControlDeps): readonly Resource[] {
  return [
    {
      path: '/api/v1/audit/checkpoint',
      access: 'read',
      methods: {
        GET: async (_request, response) => {
          const note = await readOwn(join(auditDir, 'checkpoint'), CHECKPOINT_BYTES_MAX)
          send(response, note, 'text/plain; charset=utf-8')
        },
      },
    },
    {
      path: '/api/v1/audit/tile/*rest',
      access: 'read',
      methods: {
        GET: async (request, response) => {
          const { rest } = request.params
          const path = `tile/${Array.isArray(rest) ? rest.join('/') : ''}`
          // Only the one spelling that a tile's number has is a path at all: nothing leads out of the directory.
          const name = parseTilePath(path)
          if (name === undefined) {
            sendProblem(response, 'not-found', 'this is no path of a tile')
            return
          }
          const bytes = await readTile(tileFiles, auditDir, name).catch(() => undefined)
          send(response, bytes, 'application/octet-stream')
        },
      },
    },
  ]
}

/** No link is followed, and nothing is read that is larger. */
async function readOwn(path: string, bytesMax: number): Promise<Buffer | undefined> {
  const read = await readBounded(path, { bytesMax, isLinkRefused: true })
  return 'unread' in read ? undefined : read.bytes
}

const tileFiles: Files = { ...nodeFiles, read: (path) => readOwn(path, BUNDLE_BYTES_MAX) }

function send(response: Response, bytes: Buffer | undefined, contentType: string): void {
  if (bytes === undefined) {
    sendProblem(response, 'not-found', 'the trail has no such file')
    return
  }
  response.setHeader('Content-Type', contentType)
  response.end(bytes)
}
