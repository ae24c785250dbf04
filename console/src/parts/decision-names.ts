import type { DecisionView } from '../../../src/ports/live-views.ts'
import type { MessageKey } from '../messages/messages.ts'

export const DECISION_NAMES: Readonly<Record<DecisionView['decision'], MessageKey>> = {
  allow: 'dAllow',
  locked: 'dLocked',
  unauthenticated: 'dUnauthenticated',
  forbidden: 'dForbidden',
  throttled: 'dThrottled',
  rejected: 'dRejected',
  error: 'dError',
}
