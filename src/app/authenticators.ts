// What the command line needs to enrol authenticators.
export { listAccounts, removeAccount, startEnrolment } from '../adapters/otpauth/enrolment.ts'
