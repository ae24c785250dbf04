// Requests and refusals over time (uPlot), with a line where each lock landed and, dotted, where the gateway changed. What it shows is told in words beside it.
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { RateSecond } from '../../../src/ports/live-views.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { clockText } from '../time.ts'

interface Props {
  readonly seconds: readonly RateSecond[]
  /** Epoch milliseconds at which locks landed. */
  readonly landed: readonly number[]
  /** Epoch milliseconds at which the gateway started or its config was read anew. */
  readonly changed: readonly number[]
  readonly names: readonly [string, string]
}

const HEIGHT = 180

function dataOf(seconds: readonly RateSecond[]): uPlot.AlignedData {
  const refused = seconds.map(({ decisions }) =>
    Object.entries(decisions).reduce((sum, [name, count]) => (name === 'allow' ? sum : sum + count), 0),
  )
  return [seconds.map(({ at }) => at / 1000), seconds.map(({ decisions }) => decisions.allow ?? 0), refused]
}

export function RateChart({ seconds, landed, changed, names }: Props) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot>(undefined)
  const marks = useRef({ landed, changed })
  const zone = useStore(state, (all) => all.zone)
  const theme = useStore(state, (all) => all.theme)
  marks.current = { landed, changed }
  useEffect(() => {
    const element = place.current
    if (element === null) return undefined
    const style = getComputedStyle(element)
    const colour = (name: string): string => style.getPropertyValue(name)
    const axis = {
      stroke: colour('--text'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line') },
    }
    const made = new uPlot(
      {
        width: element.clientWidth || 320,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { y: { range: (_self, _min, max) => [0, Math.max(5, max * 1.1)] } },
        axes: [
          { ...axis, space: 90, values: (_self, splits) => splits.map((at) => clockText(at * 1000, zone)) },
          { ...axis, size: 54 },
        ],
        series: [
          {},
          { label: names[0], stroke: colour('--good'), width: 2, points: { show: false } },
          // Dashed, so that the two are told apart without their colours.
          { label: names[1], stroke: colour('--bad'), width: 2, dash: [6, 4], points: { show: false } },
        ],
        hooks: {
          draw: [
            (self) => {
              drawMarks(self, marks.current.landed, { colour: colour('--warn'), dash: [] })
              drawMarks(self, marks.current.changed, { colour: colour('--text'), dash: [2, 4] })
            },
          ],
        },
      },
      dataOf(seconds),
      element,
    )
    chart.current = made
    const resize = new ResizeObserver(() => made.setSize({ width: element.clientWidth || 320, height: HEIGHT }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      made.destroy()
    }
  }, [zone, theme, names[0]])
  useEffect(() => {
    chart.current?.setData(dataOf(seconds))
  }, [seconds, landed, changed])
  return (
    <>
      <p class="legend" aria-hidden="true">
        <span class="swatch good-line" /> {names[0]} <span class="swatch bad-line" /> {names[1]}
      </p>
      <div ref={place} class="chart" role="img" aria-label={`${names[0]}, ${names[1]}`} />
    </>
  )
}

interface Pen {
  readonly colour: string
  readonly dash: number[]
}

function drawMarks(self: uPlot, moments: readonly number[], { colour, dash }: Pen): void {
  const { ctx, bbox } = self
  ctx.save()
  ctx.strokeStyle = colour
  ctx.lineWidth = 2
  ctx.setLineDash(dash)
  for (const at of moments) {
    const x = self.valToPos(at / 1000, 'x', true)
    if (x < bbox.left || x > bbox.left + bbox.width) continue
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
  }
  ctx.restore()
}
