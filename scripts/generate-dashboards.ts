// Writes dashboards/{overview,incident,trail,fleet}.json: the boards as code (Grafana Foundation SDK), the classic model that Grafana 10 to 13 import.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import {
  AnnotationQueryBuilder,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  VariableRefresh,
} from '@grafana/grafana-foundation-sdk/dashboard'
import { ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common'
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus'
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat'
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries'
import { OVERVIEW } from './dashboards/overview.ts'
import { AT, lines, quantile, rate, ROUTE, stat, type Board, type Panel } from './dashboards/panels.ts'

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' }

const BOARDS: readonly Board[] = [
  OVERVIEW,
  {
    uid: 'incident',
    title: 'Portcullis / Incident',
    about: 'What is locked, what that refuses, who still reads, and how long is left to report.',
    rows: [
      {
        title: 'Now',
        panels: [
          stat(
            'Frozen',
            'Whether everything is locked at any gateway: 1 or 0.',
            'none',
            `max(portcullis_frozen{${AT}})`,
          ),
          stat(
            'Locks in force',
            'The most locks that one gateway enforces.',
            'none',
            `max(sum by (instance) (portcullis_locks_active{${AT}}))`,
          ),
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
          stat(
            'Not proven',
            'Gateways that have not proven the epoch in force.',
            'none',
            `max(portcullis_fleet_gateways{${AT},state="missing"})`,
          ),
        ],
      },
      {
        title: 'Refused against allowed',
        panels: [
          lines('Requests by decision', 'A freeze turns all of it into locked within one scrape.', 'reqps', [
            rate('http_requests_total', 'decision', ROUTE),
            '{{decision}}',
          ]),
          lines('Allowed by route', 'Where records may still leave while others are locked.', 'reqps', [
            rate('http_requests_total', 'route', `${ROUTE},decision="allow"`),
            '{{route}}',
          ]),
          lines('Locked by route', 'Whom the locks meet, by route.', 'reqps', [
            rate('http_requests_total', 'route', `${ROUTE},decision="locked"`),
            '{{route}}',
          ]),
          lines('Sessions', 'Judged sessions by result: a spike of invalid or insufficient ones is a sign.', 'ops', [
            rate('session_checks_total', 'result'),
            '{{result}}',
          ]),
          lines('Anomalies', 'Findings of the detectors, by detector.', 'ops', [
            rate('anomalies_total', 'detector'),
            '{{detector}}',
          ]),
          lines('Throttled', 'Requests refused by a limit, by detector.', 'reqps', [
            rate('throttled_total', 'detector', ROUTE),
            '{{detector}}',
          ]),
          lines('Would have been refused', 'What observing locks have counted: the impact before the lock.', 'reqps', [
            rate('observed_total', 'mode'),
            '{{mode}}',
          ]),
          lines('Open exchanges cut', 'Downloads, streams and sockets that locks have cut.', 'none', [
            `sum(increase(portcullis_streams_cut_total{${AT}}[$__rate_interval]))`,
            'cut',
          ]),
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
  },
  {
    uid: 'trail',
    title: 'Portcullis / Trail health',
    about:
      'Whether every answer of a strict route has its record, and every record its place under a signed checkpoint.',
    rows: [
      {
        title: 'Now',
        panels: [
          stat(
            'Gaps',
            'Records known to be lost. Anything but 0 is an incident of its own.',
            'none',
            `sum(portcullis_audit_gaps_total{${AT}})`,
          ),
          stat(
            'Oldest checkpoint',
            'Age of the oldest last checkpoint among the gateways.',
            's',
            `max(portcullis_audit_checkpoint_age_seconds{${AT}})`,
          ),
        ],
      },
      {
        title: 'Over time',
        panels: [
          lines('Records', 'Records appended, by gateway.', 'ops', [
            rate('audit_records_total', 'instance'),
            '{{instance}}',
          ]),
          lines(
            'Time until durable',
            'How long a record waited for its commit: strict answers wait for it.',
            's',
            [quantile(0.5, 'audit_durable_seconds'), 'p50'],
            [quantile(0.99, 'audit_durable_seconds'), 'p99'],
          ),
          lines(
            'Checkpoint age',
            'A saw of one second while there is traffic; a line that climbs is a stalled sealer.',
            's',
            [`max by (instance) (portcullis_audit_checkpoint_age_seconds{${AT}})`, '{{instance}}'],
          ),
        ],
      },
    ],
  },
  {
    uid: 'fleet',
    title: 'Portcullis / Fleet and runtime',
    about: 'How soon a lock is proven, how long a view is trusted, and how the processes are.',
    rows: [
      {
        title: 'Locks and leases',
        panels: [
          lines(
            'Time to lock',
            'From the acceptance of a lock to the proof of every worker.',
            's',
            [quantile(0.5, 'time_to_lock_seconds', '$__range'), 'p50'],
            [quantile(0.99, 'time_to_lock_seconds', '$__range'), 'p99'],
          ),
          lines('Epoch', 'Lines that part are gateways that lag.', 'none', [
            `max by (instance) (portcullis_lock_epoch{${AT}})`,
            '{{instance}}',
          ]),
          lines('Lease', 'How long each may still trust its view; at 0 routes take their posture.', 's', [
            `min by (instance) (portcullis_lease_remaining_seconds{${AT}})`,
            '{{instance}}',
          ]),
          lines(
            'Clock',
            'How far each clock is off by the time servers of its config: what must be added to it.',
            's',
            [`max by (instance) (portcullis_clock_offset_seconds{${AT}})`, '{{instance}}'],
          ),
          lines('Gateways', 'Members of the fleet, by state.', 'none', [
            `max by (state) (portcullis_fleet_gateways{${AT}})`,
            '{{state}}',
          ]),
        ],
      },
      {
        title: 'Processes',
        panels: [
          lines('CPU', 'Cores that each process takes.', 'none', [
            rate('process_cpu_seconds_total', 'instance'),
            '{{instance}}',
          ]),
          lines('Memory', 'Resident memory of each process.', 'bytes', [
            `max by (instance) (portcullis_process_resident_memory_bytes{${AT}})`,
            '{{instance}}',
          ]),
          lines('Event loop lag', 'Of the control plane; workers have loops of their own.', 's', [
            `max by (instance) (portcullis_nodejs_eventloop_lag_p99_seconds{${AT}})`,
            '{{instance}}',
          ]),
          lines(
            'Own overhead',
            'What a request took beyond the wait for the upstream.',
            's',
            [quantile(0.5, 'gateway_overhead_seconds'), 'p50'],
            [quantile(0.99, 'gateway_overhead_seconds'), 'p99'],
          ),
        ],
      },
    ],
  },
]

const LAST = new ReduceDataOptionsBuilder().calcs(['lastNotNull'])

function panelOf(panel: Panel): StatBuilder | TimeseriesBuilder {
  const targets = panel.queries.map(([expr, legend], index) =>
    new DataqueryBuilder()
      .refId(String.fromCharCode(65 + index))
      .expr(expr)
      .legendFormat(legend)
      .datasource(DATASOURCE),
  )
  const builder =
    panel.kind === 'stat'
      ? new StatBuilder()
          .span(panel.span ?? 4)
          .height(4)
          .reduceOptions(LAST)
      : new TimeseriesBuilder().span(panel.span ?? 12).height(8)
  return builder
    .title(panel.title)
    .description(panel.about)
    .unit(panel.unit)
    .datasource(DATASOURCE)
    .targets(targets) as StatBuilder
}

function variable(name: string, label: string, query: string): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .query(query)
    .datasource(DATASOURCE)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .includeAll(true)
    .allValue('.*')
    .multi(true)
    .current({ selected: true, text: ['All'], value: ['$__all'] })
}

function boardOf({ uid, title, about, rows }: Board): object {
  const builder = new DashboardBuilder(title)
    .uid(`portcullis-${uid}`)
    .id(null)
    .description(about)
    .tags(['portcullis'])
    .timezone('browser')
    .refresh('30s')
    .time({ from: 'now-1h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(variable('job', 'Job', 'label_values(portcullis_build_info, job)'))
    .withVariable(variable('instance', 'Gateway', 'label_values(portcullis_build_info{job=~"$job"}, instance)'))
    .withVariable(variable('route', 'Route', `label_values(portcullis_http_requests_total{${AT}}, route)`))
    .withVariable(new TextBoxVariableBuilder('console').label('Console').defaultValue('http://127.0.0.1:9080/console/'))
    .annotation(
      new AnnotationQueryBuilder()
        .name('Lock changes')
        .datasource(DATASOURCE)
        .enable(true)
        .iconColor('red')
        .expr(`changes(portcullis_lock_epoch{${AT}}[$__interval]) > 0`)
        .titleFormat('Locks changed')
        .textFormat('{{instance}}'),
    )
    .link(
      new DashboardLinkBuilder('Portcullis')
        .type(DashboardLinkType.Dashboards)
        .tags(['portcullis'])
        .asDropdown(true)
        .includeVars(true)
        .keepTime(true),
    )
  builder.link(new DashboardLinkBuilder('Console').type(DashboardLinkType.Link).url('${console}').targetBlank(true))
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title))
    for (const panel of row.panels) builder.withPanel(panelOf(panel))
  }
  return numbered(builder.build())
}

/** The SDK leaves the ids of panels to Grafana; a board that is told apart from itself by a diff has its own. */
function numbered(board: ReturnType<DashboardBuilder['build']>): object {
  const panels = (board.panels ?? []).map((panel, index) => ({ ...panel, id: index + 1 }))
  return { ...board, panels }
}

export function dashboardFiles(): readonly (readonly [file: string, text: string])[] {
  return BOARDS.map((board) => [`${board.uid}.json`, `${JSON.stringify(boardOf(board), null, 2)}\n`])
}

if (import.meta.main)
  for (const [file, text] of dashboardFiles())
    writeFileSync(path.join(import.meta.dirname, '../dashboards', file), text)
