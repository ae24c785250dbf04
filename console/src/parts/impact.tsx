// What a lock of this scope would have refused: asked before the order is given, and never in its way.
import { useEffect, useState } from 'preact/hooks'
import type { ImpactView } from '../../../src/ports/control-api.ts'
import { ask } from '../api.ts'
import { numberText, useWords, type MessageKey } from '../messages/messages.ts'
import { plain } from '../plain.ts'
import { spanText } from '../time.ts'
import { scopeOf, type Draft } from './scope-picker.tsx'

type Seen =
  | { readonly kind: 'loading' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'failed'; readonly detail: string }
  | { readonly kind: 'here'; readonly body: ImpactView }

const SETTLE_MS = 350

export function Impact({ draft, mode }: { draft: Draft; mode: string }) {
  const t = useWords()
  const [seen, setSeen] = useState<Seen>({ kind: 'loading' })
  const key = JSON.stringify({ ...draft, mode, lists: { ...draft.lists, subjects: draft.lists.subjects.length } })
  useEffect(() => {
    const stopping = new AbortController()
    const timer = setTimeout(() => {
      void look(draft, mode, stopping.signal).then((found) => {
        if (!stopping.signal.aborted) setSeen(found)
      })
    }, SETTLE_MS)
    return () => {
      stopping.abort()
      clearTimeout(timer)
    }
  }, [key])
  return (
    <section class="impact" aria-live="polite">
      <h3>{t('impact')}</h3>
      {seen.kind === 'loading' && <p>{t('impactLoading')}</p>}
      {seen.kind === 'absent' && <p class="hint">{t('impactAbsent')}</p>}
      {seen.kind === 'failed' && <p class="hint">{t('failed', { detail: seen.detail })}</p>}
      {seen.kind === 'here' && <Numbers impact={seen.body} />}
    </section>
  )
}

function Numbers({ impact }: { impact: ImpactView }) {
  const t = useWords()
  const { requests, subjects, sessions, clients, probes, callbacks, missing, open, isSampled } = impact
  const facts: readonly (readonly [MessageKey, number])[] = [
    ['requests', requests],
    ['people', subjects],
    ['sessionsOpen', sessions],
    ['partners', clients],
    ['openNow', open],
  ]
  return (
    <>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div class="fact" key={name}>
            <dt>{t(name)}</dt>
            <dd>
              {isSampled ? '≈ ' : ''}
              {numberText(value)}
            </dd>
          </div>
        ))}
      </dl>
      {probes.map(({ route, caller }) => (
        <p class="bad" key={`${route} ${caller}`}>
          ⚠ {t('probeHit', { caller: plain(caller, 60), route: plain(route) })}
        </p>
      ))}
      {callbacks.map(({ route }) => (
        <p class="bad" key={route}>
          ⚠ {t('callbackHit', { route: plain(route) })}
        </p>
      ))}
      {missing.length > 0 && (
        <p class="bad">{t('impactMissing', { names: missing.map((name) => plain(name)).join(', ') })}</p>
      )}
      {impact.seenSeconds < impact.windowSeconds && (
        <p class="hint">{t('impactSeen', { span: spanText(impact.seenSeconds * 1000, t) })}</p>
      )}
    </>
  )
}

/** What throttling refuses hangs on what comes: of it the whole reach is told. */
const ASKED_MODES: readonly string[] = ['deny', 'read-only', 'step-up', 'observe']

async function look(draft: Draft, mode: string, signal: AbortSignal): Promise<Seen> {
  // People are not named before the order is signed: the impact of the rest is told.
  const scope = await scopeOf({ ...draft, lists: { ...draft.lists, subjects: '' } })
  if (scope === 'empty' || 'problem' in scope) return { kind: 'absent' }
  const asked = { scope, mode: ASKED_MODES.includes(mode) ? mode : 'deny' }
  const answer = await ask<ImpactView>('impact', asked, { signal })
  if (answer.ok) return { kind: 'here', body: answer.body }
  return answer.problem.status === 404 ? { kind: 'absent' } : { kind: 'failed', detail: answer.problem.detail }
}
