// A thaw plan from a file, as it goes into the order; whether it is a good one is judged with the order.
import { readFileSync } from 'node:fs'
import { usageFailure } from './failure.ts'
import { reasonOf } from './signing-key.ts'

/** YAML, of which JSON is a part. Throws CommandFailure (2) where the file cannot be read. */
export async function readThawPlan(file: string): Promise<unknown> {
  const { parse } = await import('yaml')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw usageFailure(`--thaw ${file}: ${reasonOf(error)}`)
  }
  try {
    return parse(text, { maxAliasCount: 0 })
  } catch (error) {
    throw usageFailure(`--thaw ${file}: this is no YAML: ${error instanceof Error ? error.message : String(error)}`)
  }
}
