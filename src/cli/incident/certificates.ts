// Certificates of an incident's locks: out of files that were kept, else from a gateway that still has them in memory.
import { readFileSync } from 'node:fs'
import { isFields, isNumber } from '../../core/message-shapes.ts'
import { createClient, variable, type ClientFlags } from '../client.ts'
import type { Context } from '../command.ts'
import { usageFailure } from '../failure.ts'
import { refusalLines } from '../refusal.ts'
import { reasonOf } from '../signing-key.ts'
import type { KeptCertificate } from './evidence.ts'

type Flags = ClientFlags & { readonly certificate?: readonly string[] }

/** A gateway is asked only where one is named: the report is made from a trail, often far from any. */
export async function certificatesOf(
  epochs: readonly number[],
  flags: Flags,
  context: Context,
): Promise<readonly KeptCertificate[]> {
  const kept = (flags.certificate ?? []).map(readKept)
  const wanted = epochs.filter((epoch) => !kept.some((each) => each.epoch === epoch))
  const isNamed = flags.control !== undefined || variable(context.machine, 'PORTCULLIS_CONTROL') !== undefined
  return isNamed && wanted.length > 0 ? [...kept, ...(await fetched(wanted, flags, context))] : kept
}

async function fetched(
  epochs: readonly number[],
  flags: Flags,
  { machine, printer }: Context,
): Promise<readonly KeptCertificate[]> {
  const client = createClient(flags, machine, printer)
  const found: KeptCertificate[] = []
  for (const epoch of epochs) {
    for (const control of client.controls) {
      const answer = await client.ask(control, { method: 'GET', path: `/api/v1/certificates/${epoch}` })
      if ('unreachable' in answer) printer.note({ style: 'yellow', text: answer.unreachable })
      else if (answer.status !== 200) for (const text of refusalLines(answer)) printer.note({ style: 'yellow', text })
      else if (isFields(answer.body)) {
        found.push({ epoch, value: answer.body })
        break
      }
    }
  }
  return found
}

function readKept(file: string): KeptCertificate {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (isFields(value) && isNumber(value.epoch)) return { epoch: value.epoch, value }
    throw new Error('this is no certificate: it is what portcullis certificate show writes')
  } catch (error) {
    throw usageFailure(`--certificate ${file}: ${reasonOf(error)}`)
  }
}
