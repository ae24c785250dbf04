// Hard out, the first signature: a proposal goes to one control plane, and the line for the second person is printed.
import type { Client, ClientFlags } from './client.ts'
import type { Context } from './command.ts'
import { EXIT, type ExitCode } from './failure.ts'
import { sendSignature } from './release-order.ts'

export interface Proposed {
  readonly order: Readonly<Record<string, unknown>>
  /** What is said once it has taken effect: `RELEASED`. */
  readonly done: string
  /** Until enough have signed: `everything stays locked`. */
  readonly until: string
  /** What stands beside the outcome under --json. */
  readonly json: Readonly<Record<string, unknown>>
}

export async function propose(
  client: Client,
  control: string,
  { order, done, until, json }: Proposed,
  flags: ClientFlags,
  { printer }: Context,
): Promise<ExitCode> {
  const outcome = await sendSignature(client, control, order)
  if (flags.json === true) printer.json({ control, ...json, ...outcome })
  else if (outcome.released) printer.out({ style: 'green', text: done }, `  at epoch ${outcome.epoch}`)
  else {
    const awaited = outcome.required - outcome.approvals
    printer.out(
      { style: 'yellow', text: 'PROPOSED' },
      `  ${outcome.approvals} of ${outcome.required} have signed, ${awaited} more must; until then ${until}`,
    )
    printer.out('  another person approves with: ', {
      style: 'bold',
      text: `portcullis approve ${outcome.id}${flags.control === undefined ? '' : ` --control ${control}`}`,
    })
  }
  return EXIT.done
}
