// portcullis freeze: everything, now. One signature is enough.
import { addClientOptions } from '../client.ts'
import { examples, type Define } from '../command.ts'
import { addExpiryOptions, orderLock, type LockFlags } from '../lock-order.ts'
import { addReasonOptions, addWaitOption } from '../order-options.ts'
import { addScopeOptions } from '../scope-options.ts'

export const define: Define = (command, context) => {
  addReasonOptions(command)
  addWaitOption(command)
  addScopeOptions(command)
  addExpiryOptions(command)
  addClientOptions(command)
  examples(
    command,
    'portcullis freeze --reason "records for sale" --incident INC-7 --wait',
    'portcullis freeze                       asks why, then for the word FREEZE',
    'portcullis freeze --tag pii --reason "records for sale"',
    'portcullis freeze --subject --reason "one person is looked up" < numbers.txt',
  )
  command.action(async (flags: LockFlags) => {
    context.finish(await orderLock(flags, context, { all: true }))
  })
}
