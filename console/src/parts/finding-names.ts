// What each detector finds, in the words of the catalogue (src/throttle/engine names them).
import type { MessageKey } from '../messages/messages.ts'

export const FINDING_NAMES: Readonly<Record<string, MessageKey>> = {
  'request-rate': 'findsRequestRate',
  'honey-subject': 'findsHoneySubject',
  'token-spread': 'findsTokenSpread',
  'unbound-subjects': 'findsUnboundSubjects',
  'failure-walk': 'findsFailureWalk',
  'failure-share': 'findsFailureShare',
  'new-subjects': 'findsNewSubjects',
  'sequential-identifiers': 'findsSequentialIdentifiers',
  cohort: 'findsCohort',
  'route-change': 'findsRouteChange',
  'impossible-travel': 'findsImpossibleTravel',
}
