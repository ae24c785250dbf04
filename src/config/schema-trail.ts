// Keys of the `audit` section that say how the trail is kept, searched and sent on.
import { z } from 'zod'
import type { ExportConfig } from './config.ts'
import { DEFAULTS } from './defaults.ts'
import { date, duration, list, nameOf, oneOf, says, text, whole } from './scalars.ts'
import { path, withDefault } from './schema-parts.ts'

const httpUrl = text('must be an http or https URL').refine(
  (value) => /^https?:\/\/[^\s/?#@]+(?:[/?][^\s#]*)?$/.test(value),
  {
    error: 'must be an http or https URL without credentials: the secret goes into secretFile',
  },
)

const format = withDefault(
  oneOf(['ndjson', 'ocsf', 'csv']),
  DEFAULTS.audit.exportFormat,
  'ndjson: records as the trail has them; ocsf: events of OCSF 1.8; csv.',
)

const exportSchema = z
  .strictObject({
    kind: oneOf(['file', 'redis', 'webhook']).describe(
      'file: appended to a file; redis: a stream of that name for each gateway; webhook: POSTed, signed as Standard Webhooks has it.',
    ),
    format,
    path: path.optional().describe('The file. With kind: file.'),
    url: httpUrl.optional().describe('With kind: webhook.'),
    secretFile: path.optional().describe('whsec_ and base64 of 24 to 64 bytes, 0600. With kind: webhook.'),
    urlFile: path
      .optional()
      .describe('File with the URL of the Redis, which may hold a password, 0600. With kind: redis.'),
    key: text('must be the name of a stream')
      .optional()
      .describe('Stream; the name of the gateway is added. With kind: redis.'),
    lengthMax: whole(1000, 1_000_000_000)
      .optional()
      .describe('About how many entries the stream keeps; default: 1000000. With kind: redis.'),
  })
  .superRefine((value, context) => {
    for (const [name, kind] of Object.entries(KIND_OF)) {
      const isThere = value[name as keyof typeof KIND_OF] !== undefined
      if (isThere && kind !== value.kind)
        context.addIssue({ code: 'custom', path: [name], message: `goes with kind: ${kind}` })
      if (!isThere && kind === value.kind && name !== 'lengthMax')
        context.addIssue({ code: 'custom', path: ['kind'], message: `needs ${name} beside it` })
    }
  })

const KIND_OF = {
  path: 'file',
  url: 'webhook',
  secretFile: 'webhook',
  urlFile: 'redis',
  key: 'redis',
  lengthMax: 'redis',
} as const

const detailsSchema = z
  .strictObject({
    keys: path
      .optional()
      .describe(
        'Directory of the keys of recorded detail: apart from the trail, on a file system that overwrites in place, and in no backup. Default: audit.dir with .keys added.',
      ),
    keep: duration({ min: '1d', max: '36600d' })
      .optional()
      .describe('How long detail can be read: then its keys are deleted. Default: as long as audit.retention.'),
  })
  .prefault({})
  .describe(
    'What routes record by `record: Request` or `RequestResponse`: encrypted by person and day, so that it can be erased.',
  )

export const trailKeys = {
  details: detailsSchema,
  index: withDefault(
    z.boolean({ error: says('must be true or false') }),
    DEFAULTS.audit.index,
    'Whether an index for searches is kept beside audit.dir, where the optional package for it is installed.',
  ),
  compressAfter: duration({ min: '1h', max: '36600d' })
    .optional()
    .describe('Age at which closed entry bundles are compressed (zstd); default: never.'),
  holds: withDefault(
    list(
      z.strictObject({
        incident: text('must be the id of an incident').describe('For which incident.'),
        since: date.optional().describe('Records of this date and later are kept; default: all that there is.'),
      }),
      'must be a list of holds, as in [{ incident: INC-7 }]',
    ),
    [] as { incident: string }[],
    'Legal holds: retention deletes nothing that they keep.',
  ),
  exports: withDefault(
    z.record(nameOf('the name of an export'), exportSchema, { error: says('must be a mapping of names to exports') }),
    {},
    'Where sealed records are sent on, by name: at least once, in order, never delaying a request.',
  ),
}

type Exports = z.output<typeof trailKeys.exports>

/** With absolute paths. */
export function exportsOf(
  exports: Exports,
  absolute: (path: string) => string,
): Readonly<Record<string, ExportConfig>> {
  return Object.fromEntries(
    Object.entries(exports).map(([name, each]): [string, ExportConfig] => {
      const { kind, format: form } = each
      if (kind === 'file') return [name, { kind, format: form, path: absolute(each.path ?? '') }]
      if (kind === 'webhook')
        return [name, { kind, format: form, url: each.url ?? '', secretFile: absolute(each.secretFile ?? '') }]
      const lengthMax = each.lengthMax ?? DEFAULTS.audit.streamLengthMax
      return [name, { kind, format: form, urlFile: absolute(each.urlFile ?? ''), key: each.key ?? '', lengthMax }]
    }),
  )
}
