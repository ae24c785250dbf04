// The first board: whether it is locked and everybody knows, and how requests fare (rate, errors, duration).
import { AT, lines, quantile, rate, ROUTE, spanning, stat, type Board } from './panels.ts'

export const OVERVIEW: Board = {
  uid: 'overview',
  title: 'Portcullis / Overview',
  about: 'Traffic, refusals, locks, sessions and the audit trail of every gateway of a fleet.',
  rows: [
    {
      title: 'Is it locked, and does everybody know?',
      panels: [
        spanning(
          3,
          stat(
            'Frozen',
            'Whether a lock over everything is in force on any gateway. While it is, no route forwards anything.',
            'none',
            `max(portcullis_frozen{${AT}})`,
          ),
        ),
        spanning(
          3,
          stat(
            'Lock epoch',
            'The highest epoch that a gateway enforces. It grows by one with each change of the locks and never falls.',
            'none',
            `max(portcullis_lock_epoch{${AT}})`,
          ),
        ),
        spanning(
          3,
          stat(
            'Locks in force',
            'Locks of every mode that are in force, as the gateway with the most of them sees it.',
            'none',
            `max(sum by (instance) (portcullis_locks_active{${AT}}))`,
          ),
        ),
        spanning(
          3,
          stat(
            'Gateways that have not proven it',
            'Gateways of the fleet that have not shown that they enforce the epoch. During a freeze this is the number to watch: it must reach 0.',
            'none',
            `max(portcullis_fleet_gateways{${AT},state="missing"})`,
          ),
        ),
        spanning(
          3,
          stat(
            'Lease remaining',
            'The shortest time for which a gateway may still trust its lock view without contact. At 0 each route falls to its stale posture.',
            's',
            `min(portcullis_lease_remaining_seconds{${AT}})`,
          ),
        ),
        spanning(
          3,
          stat(
            'Checkpoint age',
            'Age of the oldest last checkpoint of the audit trail. Checkpoints are signed each second: more than a few seconds means that the trail is not being sealed.',
            's',
            `max(portcullis_audit_checkpoint_age_seconds{${AT}})`,
          ),
        ),
        spanning(
          3,
          stat(
            'Audit gaps',
            'Records known to be lost from the audit trail. Always 0; anything else is an incident of its own.',
            'none',
            `sum(portcullis_audit_gaps_total{${AT}})`,
          ),
        ),
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
        lines(
          'Requests by decision',
          'Requests a second that ended, by what the gateway decided. A freeze turns all of it into locked.',
          'reqps',
          [rate('http_requests_total', 'decision', ROUTE), '{{decision}}'],
        ),
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
        lines(
          'Own overhead',
          'What requests took beyond the wait for the upstream: the checks, the record of the decision, and sending bodies.',
          's',
          [quantile(0.5, 'gateway_overhead_seconds'), 'p50'],
          [quantile(0.9, 'gateway_overhead_seconds'), 'p90'],
          [quantile(0.99, 'gateway_overhead_seconds'), 'p99'],
        ),
        lines(
          'Time to lock',
          'From the acceptance of a lock to the proof of every worker, over the whole time shown. Without a lock in it there is nothing to show.',
          's',
          [quantile(0.5, 'time_to_lock_seconds', '$__range'), 'p50'],
          [quantile(0.99, 'time_to_lock_seconds', '$__range'), 'p99'],
        ),
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
        spanning(
          8,
          lines(
            'Epoch by gateway',
            'The epoch that each gateway enforces. Lines that stay apart are gateways that have not heard of a change.',
            'none',
            [`max by (instance) (portcullis_lock_epoch{${AT}})`, '{{instance}}'],
          ),
        ),
        spanning(
          8,
          lines('Frozen by gateway', '1 while a lock over everything is in force on the gateway, else 0.', 'none', [
            `max by (instance) (portcullis_frozen{${AT}})`,
            '{{instance}}',
          ]),
        ),
        lines(
          'Session checks',
          'Sessions judged a second, by result. Missing, invalid and insufficient go up when a caller without a one-time password tries its luck.',
          'ops',
          [rate('session_checks_total', 'result'), '{{result}}'],
        ),
        lines(
          'Throttled',
          'Requests a second refused by a limit, by route and by the detector that refused.',
          'reqps',
          [rate('throttled_total', 'route, detector', ROUTE), '{{route}} {{detector}}'],
        ),
        spanning(
          8,
          lines(
            'Streams cut',
            'Open downloads, event streams and sockets that a lock or a revocation has cut, in each interval.',
            'none',
            [`sum(increase(portcullis_streams_cut_total{${AT}}[$__rate_interval]))`, 'cut'],
          ),
        ),
        spanning(
          8,
          lines(
            'Would have been refused',
            'Requests a second that a lock in an observing mode would have refused.',
            'reqps',
            [rate('observed_total', 'mode'), '{{mode}}'],
          ),
        ),
        spanning(
          8,
          lines('Anomalies', 'Findings of the detectors a second.', 'ops', [
            rate('anomalies_total', 'detector'),
            '{{detector}}',
          ]),
        ),
      ],
    },
    {
      title: 'Audit trail',
      panels: [
        spanning(
          8,
          lines('Records', 'Records appended to the audit trail a second, by gateway.', 'ops', [
            rate('audit_records_total', 'instance'),
            '{{instance}}',
          ]),
        ),
        spanning(
          8,
          lines(
            'Time until durable',
            'How long records waited until they would survive a loss of power. Responses of strict routes wait for it.',
            's',
            [quantile(0.5, 'audit_durable_seconds'), 'p50'],
            [quantile(0.99, 'audit_durable_seconds'), 'p99'],
          ),
        ),
        spanning(
          8,
          lines(
            'Checkpoint age by gateway',
            'Age of the last signed checkpoint of each gateway. It saws between 0 and 1 s while the trail is well.',
            's',
            [`max by (instance) (portcullis_audit_checkpoint_age_seconds{${AT}})`, '{{instance}}'],
          ),
        ),
      ],
    },
    {
      title: 'Gateways',
      panels: [
        spanning(
          8,
          lines(
            'Lease remaining by gateway',
            'How long each gateway may still trust its lock view without contact.',
            's',
            [`min by (instance) (portcullis_lease_remaining_seconds{${AT}})`, '{{instance}}'],
          ),
        ),
        spanning(
          8,
          lines('Fleet', 'Gateways that have proven the epoch, and those that have not.', 'none', [
            `max by (state) (portcullis_fleet_gateways{${AT}})`,
            '{{state}}',
          ]),
        ),
        spanning(
          8,
          lines('CPU', 'Processor time used, in cores.', 'none', [
            rate('process_cpu_seconds_total', 'instance'),
            '{{instance}}',
          ]),
        ),
        lines('Memory', 'Resident memory of each gateway.', 'bytes', [
          `max by (instance) (portcullis_process_resident_memory_bytes{${AT}})`,
          '{{instance}}',
        ]),
        lines(
          'Event loop lag of the control plane',
          'Lag of the main thread, which answers the control plane and seals the trail; the workers have loops of their own.',
          's',
          [`max by (instance) (portcullis_nodejs_eventloop_lag_p99_seconds{${AT}})`, '{{instance}} p99'],
        ),
      ],
    },
  ],
}
