// The first board: whether it is locked and everybody knows, and how requests fare (rate, errors, duration).
import { AT, lines, rate, ROUTE, spanning, stat, type Board } from './panels.ts'
import {
  ANOMALIES,
  CHECKPOINT_AGE,
  CPU,
  DURABLE,
  EPOCH,
  EVENT_LOOP,
  FROZEN,
  GAPS,
  LEASE,
  LOCKS_IN_FORCE,
  MEMBERS,
  MEMORY,
  OBSERVED,
  OLDEST_CHECKPOINT,
  OVERHEAD,
  RECORDS,
  REQUESTS_BY_DECISION,
  SESSION_CHECKS,
  STREAMS_CUT,
  THROTTLED,
  TIME_TO_LOCK,
  UNPROVEN,
} from './shared.ts'

export const OVERVIEW: Board = {
  uid: 'overview',
  title: 'Portcullis / Overview',
  about: 'Traffic, refusals, locks, sessions and the audit trail of every gateway of a fleet.',
  rows: [
    {
      title: 'Is it locked, and does everybody know?',
      panels: [
        spanning(3, FROZEN),
        spanning(
          3,
          stat(
            'Lock epoch',
            'The highest epoch that a gateway enforces. It grows by one with each change of the locks and never falls.',
            'none',
            `max(portcullis_lock_epoch{${AT}})`,
          ),
        ),
        spanning(3, LOCKS_IN_FORCE),
        spanning(3, UNPROVEN),
        spanning(
          3,
          stat(
            'Lease remaining',
            'The shortest time for which a gateway may still trust its lock view without contact. At 0 each route falls to its stale posture.',
            's',
            `min(portcullis_lease_remaining_seconds{${AT}})`,
          ),
        ),
        spanning(3, OLDEST_CHECKPOINT),
        spanning(3, GAPS),
        spanning(
          3,
          stat(
            'Config',
            'Whether the last reload of the config was taken by every gateway. A refused reload keeps the running config.',
            'none',
            `min(portcullis_config_last_reload_successful{${AT}})`,
          ),
        ),
      ],
    },
    {
      title: 'Traffic',
      panels: [
        REQUESTS_BY_DECISION,
        lines(
          'Refusals by kind',
          'Requests a second that were not let through, by why. Errors are refusals of the gateway itself: audit or keys unavailable, upstream down.',
          'reqps',
          [rate('http_requests_total', 'decision', `${ROUTE},decision!="allow"`), '{{decision}}'],
        ),
        lines('Requests by route', 'Requests a second by route. The route none holds what no route matched.', 'reqps', [
          rate('http_requests_total', 'route', ROUTE),
          '{{route}}',
        ]),
        lines(
          'Requests by status',
          'Requests a second by HTTP status. The status none stands for clients that went away before they were answered.',
          'reqps',
          [rate('http_requests_total', 'code', ROUTE), '{{code}}'],
        ),
        lines(
          'Error ratio',
          'Share of the requests that no lock and no limit refused and that failed. The objective is 0.001 over thirty days; the alert fires at fourteen times that.',
          'percentunit',
          [
            `(sum(rate(portcullis_http_requests_total{${ROUTE},decision=~"allow|error",code=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(portcullis_http_requests_total{${ROUTE},decision=~"allow|error"}[$__rate_interval]))`,
            'failed',
          ],
        ),
        lines(
          'Slower than a quarter second',
          'Share of the requests whose answer took longer than 250 ms in whole.',
          'percentunit',
          [
            `1 - sum(rate(portcullis_http_request_duration_seconds_bucket{${ROUTE},le="0.25"}[$__rate_interval])) / sum(rate(portcullis_http_request_duration_seconds_count{${ROUTE}}[$__rate_interval]))`,
            'slower',
          ],
        ),
      ],
    },
    {
      title: 'Latency',
      panels: [
        lines(
          'Request duration by route',
          'From the first byte of a request to the last byte of its response: half, nine in ten and ninety-nine in a hundred requests were faster.',
          's',
          [
            `histogram_quantile(0.5, sum by (le, route) (rate(portcullis_http_request_duration_seconds_bucket{${ROUTE}}[$__rate_interval])))`,
            '{{route}} p50',
          ],
          [
            `histogram_quantile(0.9, sum by (le, route) (rate(portcullis_http_request_duration_seconds_bucket{${ROUTE}}[$__rate_interval])))`,
            '{{route}} p90',
          ],
          [
            `histogram_quantile(0.99, sum by (le, route) (rate(portcullis_http_request_duration_seconds_bucket{${ROUTE}}[$__rate_interval])))`,
            '{{route}} p99',
          ],
        ),
        lines(
          'Upstream duration by route',
          'From the first byte sent to the upstream to the head of its answer.',
          's',
          [
            `histogram_quantile(0.5, sum by (le, route) (rate(portcullis_upstream_request_duration_seconds_bucket{${ROUTE}}[$__rate_interval])))`,
            '{{route}} p50',
          ],
          [
            `histogram_quantile(0.9, sum by (le, route) (rate(portcullis_upstream_request_duration_seconds_bucket{${ROUTE}}[$__rate_interval])))`,
            '{{route}} p90',
          ],
          [
            `histogram_quantile(0.99, sum by (le, route) (rate(portcullis_upstream_request_duration_seconds_bucket{${ROUTE}}[$__rate_interval])))`,
            '{{route}} p99',
          ],
        ),
        OVERHEAD,
        TIME_TO_LOCK,
      ],
    },
    {
      title: 'Locks, sessions, limits',
      panels: [
        spanning(
          8,
          lines('Locks by mode', 'Locks in force, by mode, as the gateway with the most of them sees it.', 'none', [
            `max by (mode) (portcullis_locks_active{${AT}})`,
            '{{mode}}',
          ]),
        ),
        spanning(8, EPOCH),
        spanning(
          8,
          lines('Frozen by gateway', '1 while a lock over everything is in force on the gateway, else 0.', 'none', [
            `max by (instance) (portcullis_frozen{${AT}})`,
            '{{instance}}',
          ]),
        ),
        SESSION_CHECKS,
        THROTTLED,
        spanning(8, STREAMS_CUT),
        spanning(8, OBSERVED),
        spanning(8, ANOMALIES),
      ],
    },
    {
      title: 'Audit trail',
      panels: [spanning(8, RECORDS), spanning(8, DURABLE), spanning(8, CHECKPOINT_AGE)],
    },
    {
      title: 'Gateways',
      panels: [spanning(8, LEASE), spanning(8, MEMBERS), spanning(8, CPU), MEMORY, EVENT_LOOP],
    },
  ],
}
