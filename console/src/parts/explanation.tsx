// The answer of the control plane to "why": the verdict, the lock that decides, and all others that reach the request.
import type { ExplanationView } from '../../../src/ports/control-api.ts'
import { useWords, type MessageKey } from '../messages/messages.ts'
import { LockFacts } from './lock-facts.tsx'
import { MomentIn, Text } from './moment.tsx'

const VERDICTS: Readonly<Record<string, readonly [MessageKey, 'bad' | 'warn' | 'good', string]>> = {
  refused: ['verdictRefused', 'bad', '✗'],
  'needs a session in the share': ['verdictShare', 'warn', '◐'],
  'needs a fresh OTP': ['verdictFresh', 'warn', '◐'],
  limited: ['verdictLimited', 'warn', '◐'],
  'passes the locks': ['verdictPasses', 'good', '✓'],
}

const EFFECTS: Readonly<Record<string, MessageKey>> = {
  refuses: 'effectRefuses',
  'asks for a fresh OTP': 'effectFresh',
  limits: 'effectLimits',
  observes: 'effectObserves',
  passes: 'effectPasses',
}

export function Explanation({ of }: { of: ExplanationView }) {
  const t = useWords()
  const { verdict, locks, method, route, epoch, freshSince, revocations } = of
  const [name, look, sign] = VERDICTS[verdict] ?? [undefined, 'warn', '?']
  const decisive = locks.filter(({ decides }) => decides)
  const others = locks.filter(({ decides }) => !decides)
  return (
    <section class="explanation" aria-label={t('explainTitle')} data-verdict={verdict}>
      <p role="status">
        <strong class={`verdict ${look}`}>
          <span aria-hidden="true">{sign}</span> {name === undefined ? verdict : t(name)}
        </strong>{' '}
        <Text of={t('explainOf', { method, route, n: epoch })} />
      </p>
      {freshSince !== undefined && (
        <p>
          <MomentIn text={t('freshSince')} at={freshSince} />
        </p>
      )}
      {revocations.map(({ id, by, reason, incident }) => (
        <p key={id} class="bad">
          {t('endedBy', { name: by })} <Text of={`${reason} (${incident})`} />
        </p>
      ))}
      <Locks title="decidedBy" list={decisive} />
      <Locks title="reachedBy" list={others} />
      {locks.length === 0 && <p>{t('noLockReaches')}</p>}
      <p class="hint">{t('explainAfterLocks')}</p>
    </section>
  )
}

function Locks({ title, list }: { title: MessageKey; list: ExplanationView['locks'] }) {
  const t = useWords()
  if (list.length === 0) return null
  return (
    <>
      <h3>{t(title)}</h3>
      {list.map((lock) => (
        <article key={lock.id} class={`card lock mode-${lock.mode}`} aria-label={lock.id.slice(0, 8)}>
          <p>
            <strong>
              {EFFECTS[lock.effect] === undefined ? lock.effect : t(EFFECTS[lock.effect] ?? 'effectPasses')}
            </strong>
          </p>
          <LockFacts lock={lock} />
        </article>
      ))}
    </>
  )
}
