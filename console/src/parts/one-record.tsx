// Any record of the trail, with its proof computed in this page.
import { useEffect, useState } from 'preact/hooks'
import { ask } from '../api.ts'
import { proveRecord, type Proven } from '../merkle.ts'
import { useWords, type Translate } from '../messages/messages.ts'
import { placeOf } from '../router.ts'
import { state } from '../state.ts'
import { useStore } from '../store.ts'
import { Text } from './moment.tsx'

export function OneRecord() {
  const t = useWords()
  const audit = useStore(state, (all) => all.status?.audit)
  const route = useStore(state, (all) => all.route)
  const { query } = placeOf(route)
  const order = query.get('order')
  const found = useRecordOf(order)
  const linked = order === null ? query.get('record') : (found ?? null)
  const [index, setIndex] = useState(linked ?? '')
  const [proven, setProven] = useState<Proven | 'busy'>()
  const [seen, setSeen] = useState(linked)
  if (linked !== seen) {
    setSeen(linked)
    setIndex(linked ?? '')
  }
  const prove = async (): Promise<void> => {
    setProven('busy')
    setProven(await proveRecord(Number(index), audit?.vkey ?? ''))
  }
  return (
    <form
      class="card"
      aria-labelledby="one-record"
      onSubmit={(event) => {
        event.preventDefault()
        void prove()
      }}
    >
      <h2 id="one-record">{t('recordTitle')}</h2>
      <label>
        {t('recordIndex')}
        <input
          name="index"
          type="number"
          min={0}
          required
          value={index}
          onInput={(event) => setIndex(event.currentTarget.value)}
        />
      </label>
      <div class="actions">
        <button type="submit">{t('proveIt')}</button>
      </div>
      <div aria-live="polite">
        {proven === 'busy' && <p>{t('proving')}</p>}
        {proven !== undefined && proven !== 'busy' && <Outcome proven={proven} index={index} />}
      </div>
    </form>
  )
}

/** The number of the record of an order, by the order's id. */
function useRecordOf(order: string | null): string | undefined {
  const [found, setFound] = useState<string>()
  useEffect(() => {
    setFound(undefined)
    if (order === null) return
    const wanted = { ids: [order], kinds: ['order'], limit: 1 }
    void ask<{ readonly records: readonly { readonly index: number }[] }>('audit/search', wanted).then((answer) => {
      if (answer.ok) setFound(answer.body.records[0]?.index.toString())
    })
  }, [order])
  return found
}

function Outcome({ proven, index }: { proven: Proven; index: string }) {
  const t = useWords()
  if (proven.outcome !== 'proven') return <p class="bad">{t('notProvenRecord', { why: whyOf(proven, t) })}</p>
  const { record, checkpoint } = proven
  return (
    <>
      <p class="good" data-proven={index}>
        ✓ {t('provenRecord', { index, size: checkpoint.size, origin: checkpoint.origin })}
      </p>
      <pre class="wrap">
        <Text of={pretty(record)} max={8000} />
      </pre>
    </>
  )
}

function pretty(record: string): string {
  try {
    return JSON.stringify(JSON.parse(record), null, 1).replaceAll('\n', ' ')
  } catch {
    return record
  }
}

function whyOf(proven: Exclude<Proven, { outcome: 'proven' }>, t: Translate): string {
  switch (proven.outcome) {
    case 'signature':
      return t('whySignature')
    case 'root':
      return t('whyRoot')
    case 'beyond':
      return t('whyBeyond', { size: proven.size })
    case 'missing':
      return t('whyMissing', { detail: proven.detail })
  }
}
