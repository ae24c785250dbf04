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
import { FLEET } from './dashboards/fleet.ts'
import { INCIDENT } from './dashboards/incident.ts'
import { OVERVIEW } from './dashboards/overview.ts'
import { AT, type Board, type Panel } from './dashboards/panels.ts'
import { TRAIL } from './dashboards/trail.ts'

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' }

const BOARDS: readonly Board[] = [OVERVIEW, INCIDENT, TRAIL, FLEET]

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

/** A line over every panel wherever the metric has changed. */
function marks(name: string, color: string, metric: string, title: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATASOURCE)
    .enable(true)
    .iconColor(color)
    .expr(`changes(${metric}{${AT}}[$__interval]) > 0`)
    .titleFormat(title)
    .textFormat('{{instance}}')
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
    .annotation(marks('Lock changes', 'red', 'portcullis_lock_epoch', 'Locks changed'))
    .annotation(
      marks(
        'Starts and reloads',
        'blue',
        'portcullis_config_last_reload_success_timestamp_seconds',
        'Gateway started, or config read anew',
      ),
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
