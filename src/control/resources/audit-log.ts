// The trail's checkpoint and tiles, as any witness or verifier reads them (C2SP tlog-tiles).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Response } from 'express'
import { readBundleFile } from '../../audit/bundle-file.ts'
import { nodeFiles } from '../../audit/files.ts'
import { parseTilePath, type TileName } from '../../audit/tiles.ts'
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
        GET: (_request, response) =>
          sendFile(response, join(auditDir, 'checkpoint'), CHECKPOINT_BYTES_MAX, 'text/plain; charset=utf-8'),
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
          if (name === undefined) sendProblem(response, 'not-found', 'this is no path of a tile')
          else if (name.level === 'entries' && !existsSync(join(auditDir, path)))
            await sendBundle(response, auditDir, name)
          else await sendFile(response, join(auditDir, path), BUNDLE_BYTES_MAX, 'application/octet-stream')
        },
      },
    },
  ]
}

/** A bundle that was compressed: it goes out as it was. */
async function sendBundle(response: Response, auditDir: string, name: TileName): Promise<void> {
  const found = await readBundleFile(nodeFiles, auditDir, name).catch(() => undefined)
  if (found === undefined) {
    sendProblem(response, 'not-found', 'the trail has no such file')
    return
  }
  response.setHeader('Content-Type', 'application/octet-stream')
  response.end(found.bytes)
}

async function sendFile(response: Response, path: string, bytesMax: number, contentType: string): Promise<void> {
  const read = await readBounded(path, { bytesMax, isLinkRefused: true })
  if ('unread' in read) {
    sendProblem(response, 'not-found', 'the trail has no such file')
    return
  }
  response.setHeader('Content-Type', contentType)
  response.end(read.bytes)
}
