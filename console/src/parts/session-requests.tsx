// The newest requests of one session, each with its record to prove.
import { useEffect, useState } from 'preact/hooks'
import { ask, type Answer } from '../api.ts'
import { useWords } from '../messages/messages.ts'
import { Moment, Text } from './moment.tsx'

interface Page {
  readonly records: readonly { readonly index: number; readonly record: Readonly<Record<string, unknown>> }[]
}

const SHOWN_MAX = 50

export function SessionRequests({ session }: { session: string }) {
  const t = useWords()
  const [answer, setAnswer] = useState<Answer<Page>>()
  useEffect(() => {
    const wanted = { sessions: [session], kinds: ['request'], newestFirst: true, limit: SHOWN_MAX }
    void ask<Page>('audit/search', wanted).then(setAnswer)
  }, [session])
  if (answer === undefined) return <p role="status">{t('searching')}</p>
  if (!answer.ok) return <p class="bad">{t('failed', { detail: answer.problem.detail })}</p>
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t('itsRequests')}>
      <table>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">{t('time')}</th>
            <th scope="col">{t('decision')}</th>
            <th scope="col">{t('status')}</th>
            <th scope="col">{t('method')}</th>
            <th scope="col">{t('path')}</th>
            <th scope="col">{t('client')}</th>
          </tr>
        </thead>
        <tbody>
          {answer.body.records.map(({ index, record }) => (
            <tr key={index}>
              <td>
                <a href={`#/trail?record=${index}`}>{index}</a>
              </td>
              <td>{typeof record.time === 'number' && <Moment at={record.time} />}</td>
              {(['decision', 'status', 'method', 'path', 'client'] as const).map((name) => (
                <td key={name}>
                  <Text of={textOf(record[name])} max={80} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
