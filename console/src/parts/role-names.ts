// What each role is called, in the words of the catalogue.
import type { Role } from '../../../src/core/responder.ts'
import type { MessageKey } from '../messages/messages.ts'

export const ROLE_NAMES: Readonly<Record<Role, MessageKey>> = {
  viewer: 'roleViewer',
  auditor: 'roleAuditor',
  receiver: 'roleReceiver',
  responder: 'roleResponder',
  commander: 'roleCommander',
}
