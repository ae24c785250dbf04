// Walking the schema: what a document says where not all of it is right, and which schema stands at a path.
import { z } from 'zod'
import { documentSchema, type ConfigDocument } from './schema.ts'

type Lenient<T> = T extends readonly (infer E)[]
  ? readonly (Lenient<E> | undefined)[]
  : [keyof T] extends ['host' | 'port' | 'path']
    ? T // a Listen was parsed as a whole
    : T extends object
      ? { readonly [K in keyof T]?: Lenient<T[K]> | undefined }
      : T

/**
 * A document of which any part may be missing because it was wrong: so that the rules across fields are checked in the
 * same run as the fields themselves. A key that was there and wrong is there with undefined.
 */
export type Draft = Lenient<ConfigDocument>

/** The parts of `input` that are right. Never throws. */
export function draftOf(input: unknown): Draft {
  return (lenientDocument.parse(input) as Draft | undefined) ?? {}
}

function lenient(schema: z.core.$ZodType): z.ZodType {
  if (schema instanceof z.ZodObject) {
    const shape: Record<string, z.ZodType> = {}
    for (const [key, field] of Object.entries<z.core.$ZodType>(schema.shape)) shape[key] = lenient(field)
    return z.object(shape).optional().catch(undefined)
  }
  if (schema instanceof z.ZodArray) return z.array(lenient(schema.element)).optional().catch(undefined)
  if (schema instanceof z.ZodRecord) return z.record(z.string(), lenient(schema.valueType)).optional().catch(undefined)
  if (schema instanceof z.ZodPrefault) {
    return lenient(schema.def.innerType)
      .prefault(() => schema.def.defaultValue)
      .catch(undefined)
  }
  if (schema instanceof z.ZodOptional) return lenient(schema.unwrap())
  return z.any().pipe(schema).optional().catch(undefined)
}

const lenientDocument = lenient(documentSchema)

/** Optional and prefault taken off. */
export function bare(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodOptional) return bare(schema.unwrap())
  if (schema instanceof z.ZodPrefault) return bare(schema.def.innerType)
  return schema
}
