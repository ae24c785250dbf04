// What has happened since the page was opened, newest first.
import { useWords, type MessageKey } from '../messages/messages.ts'
import { state, type Happening } from '../state.ts'
import { useStore } from '../store.ts'
import { changeName, changeText } from './changes.tsx'
import { FindingText } from './finding-text.tsx'
import { MODE_NAMES, scopeText } from './lock-facts.tsx'
import { Id, Moment, Text } from './moment.tsx'

const SHOWN_MAX = 30

const KIND_NAMES = {
  lock: 'evLock',
  release: 'evRelease',
  proof: 'evProof',
  anomaly: 'evAnomaly',
  change: 'evChange',
} as const satisfies Readonly<Record<Happening['kind'], MessageKey>>

export function Moments() {
  const t = useWords()
  const moments = useStore(state, (all) => all.moments)
  return (
    <section class="card" aria-labelledby="moments">
      <h2 id="moments">{t('happened')}</h2>
      {moments.length === 0 && <p>{t('nothingHappened')}</p>}
      <ol class="moments">
        {moments.slice(0, SHOWN_MAX).map((moment, index) => (
          <li key={moments.length - index}>
            <Moment at={moment.at} /> <span class="badge">{t(KIND_NAMES[moment.kind])}</span> <What of={moment} />
          </li>
        ))}
      </ol>
    </section>
  )
}

function What({ of }: { of: Happening }) {
  const t = useWords()
  switch (of.kind) {
    case 'lock': {
      const locks = of.locks.map(({ mode, scope, reason }) =>
        [t(MODE_NAMES[mode]), scopeText(scope, t), reason].join(' · '),
      )
      return <Text of={locks.join('; ')} max={1000} />
    }
    case 'release':
      return (
        <>
          {of.locks.map((id) => (
            <span key={id}>
              <Id of={id} />{' '}
            </span>
          ))}
        </>
      )
    case 'proof':
      return <Text of={t('provenAt', { n: of.epoch, names: of.names.join(', '), ms: Math.round(of.elapsedMs) })} />
    case 'anomaly':
      return <FindingText detector={of.detector} sentence={of.sentence} />
    case 'change':
      return (
        <>
          {t(changeName(of.change))} <Text of={changeText(of.change)} />
        </>
      )
  }
}
