// The board of an incident: what is locked, what that refuses, whose records still leave, and how long is left to report.
import { AT, lines, rate, ROUTE, stat, type Board } from './panels.ts'
import {
  ANOMALIES,
  FROZEN,
  LOCKS_IN_FORCE,
  OBSERVED,
  REQUESTS_BY_DECISION,
  SESSION_CHECKS,
  STREAMS_CUT,
  THROTTLED,
  UNPROVEN,
} from './shared.ts'

export const INCIDENT: Board = {
  uid: 'incident',
  title: 'Portcullis / Incident',
  about: 'What is locked, what that refuses, who still reads, and how long is left to report.',
  rows: [
    {
      title: 'Now',
      panels: [
        FROZEN,
        LOCKS_IN_FORCE,
        stat(
          'Incidents open',
          'Incidents that nobody has closed yet.',
          'none',
          `max(portcullis_incidents_open{${AT}})`,
        ),
        stat(
          'CERT-In report due',
          'Time left of the six hours; below zero it is overdue.',
          's',
          `min(portcullis_incident_report_deadline_seconds{${AT}})`,
        ),
        stat(
          'Board detail due',
          'Time left of the seventy-two hours; below zero it is overdue.',
          's',
          `min(portcullis_incident_board_deadline_seconds{${AT}})`,
        ),
        UNPROVEN,
      ],
    },
    {
      title: 'Refused against allowed',
      panels: [
        REQUESTS_BY_DECISION,
        lines('Allowed by route', 'Where records may still leave while others are locked.', 'reqps', [
          rate('http_requests_total', 'route', `${ROUTE},decision="allow"`),
          '{{route}}',
        ]),
        lines('Locked by route', 'Whom the locks meet, by route.', 'reqps', [
          rate('http_requests_total', 'route', `${ROUTE},decision="locked"`),
          '{{route}}',
        ]),
        lines(
          'People read',
          'People whose records were let out a second, each time anew: without a one-time password is what the incident is about.',
          'ops',
          [rate('people_read_total', 'otp', ROUTE), 'one-time password: {{otp}}'],
        ),
        lines('People read by route', 'Through which routes records of people were let out.', 'ops', [
          rate('people_read_total', 'route', ROUTE),
          '{{route}}',
        ]),
        SESSION_CHECKS,
        ANOMALIES,
        THROTTLED,
        OBSERVED,
        STREAMS_CUT,
      ],
    },
    {
      title: "One-time passwords of the gateway's own",
      panels: [
        lines(
          'Codes asked for',
          'Withheld ones are beyond the limit of their number: a flood of them is somebody who walks numbers, or harasses one.',
          'ops',
          [rate('otp_requests_total', 'result'), '{{result}}'],
        ),
        lines(
          'Codes brought back',
          'Wrong, absent and exhausted ones beside few verified ones are somebody who guesses.',
          'ops',
          [rate('otp_verifications_total', 'result'), '{{result}}'],
        ),
        lines('Deliveries', 'What the webhook that sends the messages took, after how many more tries.', 'ops', [
          rate('otp_deliveries_total', 'result'),
          '{{result}}',
        ]),
        lines(
          'Outstanding codes',
          'Codes that can still be taken; with Redis each gateway tells those of all.',
          'none',
          [`max(portcullis_otp_outstanding{${AT}})`, 'codes'],
        ),
      ],
    },
  ],
}
