// The newest requests of one session, each with its record to prove.
import { useEffect, useState } from 'preact/hooks'
import { ask, type Answer } from '../api.ts'
import { useWords } from '../messages/messages.ts'
import { Records, type RecordPage } from './records.tsx'

const SHOWN_MAX = 50

export function SessionRequests({ session }: { session: string }) {
  const t = useWords()
  const [answer, setAnswer] = useState<Answer<RecordPage>>()
  useEffect(() => {
    const wanted = { sessions: [session], kinds: ['request'], newestFirst: true, limit: SHOWN_MAX }
    void ask<RecordPage>('audit/search', wanted).then(setAnswer)
  }, [session])
  if (answer === undefined) return <p role="status">{t('searching')}</p>
  if (!answer.ok) return <p class="bad">{t('failed', { detail: answer.problem.detail })}</p>
  return (
    <Records
      label={t('itsRequests')}
      columns={['decision', 'status', 'method', 'path', 'client']}
      records={answer.body.records}
    />
  )
}
