// The JSON schema of a configuration, for editors.
import { z } from 'zod'
import { documentSchema } from './schema.ts'

/** JSON Schema draft-07 of what may be written (not of what it is parsed into), as the text of its file. */
export function jsonSchema(): string {
  const schema = z.toJSONSchema(documentSchema, { target: 'draft-7', io: 'input' })
  return `${JSON.stringify({ ...schema, title: 'Portcullis configuration' }, null, 2)}\n`
}
