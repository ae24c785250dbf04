// portcullis lock: a part of the API, in the mode that fits.
import { addClientOptions } from '../client.ts'
import { examples, type Define } from '../command.ts'
import { addExpiryOptions, addModeOptions, orderLock, type LockFlags } from '../lock-order.ts'
import { addReasonOptions, addWaitOption } from '../order-options.ts'
import { addScopeOptions } from '../scope-options.ts'

export const define: Define = (command, context) => {
  addScopeOptions(command)
  addReasonOptions(command)
  addModeOptions(command)
  addExpiryOptions(command)
  addWaitOption(command)
  addClientOptions(command)
  examples(
    command,
    'portcullis lock --route beneficiary.read --reason "enumeration seen" --incident INC-7',
    'portcullis lock --tag pii --method GET --mode step-up --ttl 2h --on-expiry open --reason "suspect sessions"',
    'portcullis lock --client partner-7 --mode throttle --limit 6/m --reason "too many look-ups"',
  )
  command.action(async (flags: LockFlags) => {
    context.finish(await orderLock(flags, context, undefined))
  })
}
