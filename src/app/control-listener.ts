// The control plane's listener: plain on loopback, TLS by files elsewhere.
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { claimListen } from '../adapters/node/claim-listen.ts'
import { readTlsFiles, TLS_LOOK_EVERY_MS, watchTlsFiles } from '../adapters/node/tls-files.ts'
import { serverTlsOptions } from '../adapters/node/tls-server.ts'
import type { CertificateFiles, ControlConfig } from '../config/config.ts'
import { every } from '../control/every.ts'
import { CONTROL_SERVER_OPTIONS } from '../control/server.ts'
import type { Parts } from './parts.ts'

type Needs = Pick<Parts, 'clock' | 'logger' | 'cleanUp'>

export interface ControlListener {
  /** What is wrong with the files of its certificate. */
  readonly problems: () => readonly string[]
  /** Undefined on a unix socket. */
  readonly port: number | undefined
}

/** Rejects with an Error of one line where the address is taken or the certificate is no good. Closed by `cleanUp`. */
export async function openControlListener(
  app: RequestListener,
  control: Pick<ControlConfig, 'listen' | 'tls'>,
  needs: Needs,
  section = 'control',
): Promise<ControlListener> {
  const opened =
    control.tls === undefined
      ? { server: createServer(CONTROL_SERVER_OPTIONS, app), problems: () => [] }
      : await openSecure(app, control.tls, needs, section)
  const address = await claimListen(`${section}.listen`, control.listen)
  await new Promise<void>((resolve, reject) => {
    opened.server.once('error', reject).listen(address, resolve)
  })
  needs.cleanUp.defer(() => close(opened.server))
  const bound = opened.server.address()
  const port = bound === null || typeof bound === 'string' ? undefined : bound.port
  return { problems: opened.problems, port }
}

async function openSecure(
  app: RequestListener,
  files: CertificateFiles,
  { clock, logger, cleanUp }: Needs,
  section: string,
) {
  const material = await readTlsFiles(files, clock.now())
  if ('problems' in material)
    throw new Error(material.problems.map((problem) => `${section}.tls: ${problem}`).join('\n'))
  const secure = (texts: typeof material) => serverTlsOptions(texts, CONTROL_SERVER_OPTIONS.headersTimeout)
  const server = createTlsServer({ ...CONTROL_SERVER_OPTIONS, ...secure(material) }, app)
  const watch = watchTlsFiles({
    key: `${section}.tls`,
    files,
    material,
    now: () => clock.now(),
    logger,
    apply: (next) => {
      server.setSecureContext(secure(next))
      return []
    },
  })
  cleanUp.defer(every(TLS_LOOK_EVERY_MS, () => watch.look(), logger))
  return { server, problems: () => watch.problems }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeAllConnections()
  await closed
}
