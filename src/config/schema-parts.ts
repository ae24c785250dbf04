// Parts that several sections of a configuration have in common.
import type { z } from 'zod'
import { text } from './scalars.ts'

export const path = text('must be a path, relative to this file or absolute')

/** A key that has a default: its reason stands in defaults.ts. */
export const withDefault = <T extends z.ZodType>(schema: T, value: z.input<T>, description: string) =>
  schema.prefault(value as never).describe(description)

/** A listener's certificate. */
export const certificateKeys = {
  cert: path.describe('PEM file of the certificate chain, its own certificate first.'),
  key: path.describe('PEM file of its private key, without a passphrase.'),
}
