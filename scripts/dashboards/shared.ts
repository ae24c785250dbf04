// Panels that stand on more than one board.
import { AT, lines, quantile, rate, ROUTE, stat, type Panel } from './panels.ts'

export const FROZEN: Panel = stat(
  'Frozen',
  'Whether a lock over everything is in force on any gateway. While it is, no route forwards anything.',
  'none',
  `max(portcullis_frozen{${AT}})`,
)
export const LOCKS_IN_FORCE: Panel = stat(
  'Locks in force',
  'Locks of every mode that are in force, as the gateway with the most of them sees it.',
  'none',
  `max(sum by (instance) (portcullis_locks_active{${AT}}))`,
)
export const UNPROVEN: Panel = stat(
  'Gateways that have not proven it',
  'Gateways of the fleet that have not shown that they enforce the epoch. During a freeze this is the number to watch: it must reach 0.',
  'none',
  `max(portcullis_fleet_gateways{${AT},state="missing"})`,
)
export const OLDEST_CHECKPOINT: Panel = stat(
  'Checkpoint age',
  'Age of the oldest last checkpoint of the audit trail. Checkpoints are signed each second: more than a few seconds means that the trail is not being sealed.',
  's',
  `max(portcullis_audit_checkpoint_age_seconds{${AT}})`,
)
export const GAPS: Panel = stat(
  'Audit gaps',
  'Records known to be lost from the audit trail. Always 0; anything else is an incident of its own.',
  'none',
  `sum(portcullis_audit_gaps_total{${AT}})`,
)

export const REQUESTS_BY_DECISION: Panel = lines(
  'Requests by decision',
  'Requests a second that ended, by what the gateway decided. A freeze turns all of it into locked within one scrape.',
  'reqps',
  [rate('http_requests_total', 'decision', ROUTE), '{{decision}}'],
)
export const SESSION_CHECKS: Panel = lines(
  'Session checks',
  'Sessions judged a second, by result. Missing, invalid and insufficient go up when a caller without a one-time password tries its luck.',
  'ops',
  [rate('session_checks_total', 'result'), '{{result}}'],
)
export const THROTTLED: Panel = lines(
  'Throttled',
  'Requests a second refused by a limit, by route and by the detector that refused.',
  'reqps',
  [rate('throttled_total', 'route, detector', ROUTE), '{{route}} {{detector}}'],
)
export const ANOMALIES: Panel = lines('Anomalies', 'Findings of the detectors a second, by detector.', 'ops', [
  rate('anomalies_total', 'detector'),
  '{{detector}}',
])
export const STREAMS_CUT: Panel = lines(
  'Streams cut',
  'Open downloads, event streams and sockets that a lock or a revocation has cut, in each interval.',
  'none',
  [`sum(increase(portcullis_streams_cut_total{${AT}}[$__rate_interval]))`, 'cut'],
)
export const OBSERVED: Panel = lines(
  'Would have been refused',
  'Requests a second that a lock in an observing mode would have refused: the impact before the lock.',
  'reqps',
  [rate('observed_total', 'mode'), '{{mode}}'],
)

export const TIME_TO_LOCK: Panel = lines(
  'Time to lock',
  'From the acceptance of a lock to the proof of every worker, over the whole time shown. Without a lock in it there is nothing to show.',
  's',
  [quantile(0.5, 'time_to_lock_seconds', '$__range'), 'p50'],
  [quantile(0.99, 'time_to_lock_seconds', '$__range'), 'p99'],
)
export const EPOCH: Panel = lines(
  'Epoch by gateway',
  'The epoch that each gateway enforces. Lines that stay apart are gateways that have not heard of a change.',
  'none',
  [`max by (instance) (portcullis_lock_epoch{${AT}})`, '{{instance}}'],
)
export const LEASE: Panel = lines(
  'Lease remaining by gateway',
  'How long each gateway may still trust its lock view without contact; at 0 routes take their posture.',
  's',
  [`min by (instance) (portcullis_lease_remaining_seconds{${AT}})`, '{{instance}}'],
)
export const MEMBERS: Panel = lines('Fleet', 'Gateways that have proven the epoch, and those that have not.', 'none', [
  `max by (state) (portcullis_fleet_gateways{${AT}})`,
  '{{state}}',
])

export const RECORDS: Panel = lines('Records', 'Records appended to the audit trail a second, by gateway.', 'ops', [
  rate('audit_records_total', 'instance'),
  '{{instance}}',
])
export const DURABLE: Panel = lines(
  'Time until durable',
  'How long records waited until they would survive a loss of power. Responses of strict routes wait for it.',
  's',
  [quantile(0.5, 'audit_durable_seconds'), 'p50'],
  [quantile(0.99, 'audit_durable_seconds'), 'p99'],
)
export const CHECKPOINT_AGE: Panel = lines(
  'Checkpoint age by gateway',
  'Age of the last signed checkpoint of each gateway. It saws between 0 and 1 s while the trail is well; a line that climbs is a stalled sealer.',
  's',
  [`max by (instance) (portcullis_audit_checkpoint_age_seconds{${AT}})`, '{{instance}}'],
)

export const OVERHEAD: Panel = lines(
  'Own overhead',
  'What requests took beyond the wait for the upstream: the checks, the record of the decision, and sending bodies.',
  's',
  [quantile(0.5, 'gateway_overhead_seconds'), 'p50'],
  [quantile(0.9, 'gateway_overhead_seconds'), 'p90'],
  [quantile(0.99, 'gateway_overhead_seconds'), 'p99'],
)
export const CPU: Panel = lines('CPU', 'Processor time that each process takes, in cores.', 'none', [
  rate('process_cpu_seconds_total', 'instance'),
  '{{instance}}',
])
export const MEMORY: Panel = lines('Memory', 'Resident memory of each gateway.', 'bytes', [
  `max by (instance) (portcullis_process_resident_memory_bytes{${AT}})`,
  '{{instance}}',
])
export const EVENT_LOOP: Panel = lines(
  'Event loop lag of the control plane',
  'Lag of the main thread, which answers the control plane and seals the trail; the workers have loops of their own.',
  's',
  [`max by (instance) (portcullis_nodejs_eventloop_lag_p99_seconds{${AT}})`, '{{instance}} p99'],
)
