// Writes config/portcullis.schema.json, by which editors complete and check a configuration while it is written.
import { writeFile } from 'node:fs/promises'
import { jsonSchema } from '../src/config/json-schema.ts'

await writeFile(new URL('../config/portcullis.schema.json', import.meta.url), jsonSchema())
