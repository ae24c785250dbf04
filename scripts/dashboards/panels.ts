// What boards are made of: panels, and the expressions that most of them ask.

/** Every expression can be narrowed to a job and a gateway. */
export const AT = 'job=~"$job",instance=~"$instance"'
export const ROUTE = `${AT},route=~"$route"`

export interface Panel {
  readonly kind: 'stat' | 'lines'
  readonly title: string
  readonly about: string
  readonly unit: string
  readonly queries: readonly (readonly [expr: string, legend: string])[]
  /** Of 24 columns; default 4 of a number, 12 of lines. */
  readonly span?: number
}
export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}
export interface Board {
  readonly uid: string
  readonly title: string
  readonly about: string
  readonly rows: readonly Row[]
}

export const lines = (title: string, about: string, unit: string, ...queries: Panel['queries']): Panel => ({
  ...{ kind: 'lines', title, about, unit, queries },
})
export const stat = (title: string, about: string, unit: string, expr: string): Panel => ({
  ...{ kind: 'stat', title, about, unit, queries: [[expr, title]] },
})
export const rate = (metric: string, by: string, labels = AT): string =>
  `sum by (${by}) (rate(portcullis_${metric}{${labels}}[$__rate_interval]))`
export const quantile = (q: number, metric: string, window = '$__rate_interval'): string =>
  `histogram_quantile(${q}, sum by (le) (rate(portcullis_${metric}_bucket{${AT}}[${window}])))`
export const spanning = (span: number, panel: Panel): Panel => ({ ...panel, span })
