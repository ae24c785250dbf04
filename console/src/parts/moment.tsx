// Times, spans, and texts that others wrote.
import { plain } from '../plain.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { momentText } from '../time.ts'

/** In the chosen zone; the other one in the tooltip. */
export function Moment({ at }: { at: string | number }) {
  const zone = useStore(state, (all) => all.zone)
  const ms = typeof at === 'number' ? at : Date.parse(at)
  const iso = Number.isFinite(ms) ? new Date(ms).toISOString() : ''
  return (
    <time dateTime={iso} title={momentText(ms, zone === 'ist' ? 'utc' : 'ist')}>
      {momentText(ms, zone)}
    </time>
  )
}

/** A text that came from outside: isolated, so that its direction is its own. */
export function Text({ of, max }: { of: string | undefined; max?: number }) {
  return <bdi>{plain(of ?? '', max)}</bdi>
}

export function Id({ of }: { of: string }) {
  return (
    <code class="id" title={plain(of)}>
      {plain(of.length > 14 ? of.slice(0, 8) : of)}
    </code>
  )
}

/** A sentence of the catalogue with a {moment} in it, wherever the language puts it. */
export function MomentIn({ text, at }: { text: string; at: string | number }) {
  const [before = '', after] = text.split('{moment}')
  return (
    <>
      {before}
      {after !== undefined && <Moment at={at} />}
      {after}
    </>
  )
}
