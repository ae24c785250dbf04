// Records of requests out of the trail, each with a link to its proof.
import { useWords, type MessageKey } from '../messages/messages.ts'
import { DECISION_NAMES } from './decision-names.ts'
import { Moment, Text } from './moment.tsx'
import { WideTable } from './table.tsx'

/** As `POST /api/v1/audit/search` answers. */
export interface RecordPage {
  readonly next?: number
  readonly records: readonly { readonly index: number; readonly record: Readonly<Record<string, unknown>> }[]
}

type RecordColumn = 'decision' | 'status' | 'method' | 'path' | 'route' | 'client' | 'principal'

interface Props extends RecordPage {
  readonly label: string
  readonly columns: readonly (RecordColumn & MessageKey)[]
}

export function Records({ label, columns, records }: Props) {
  return (
    <WideTable label={label} heads={['#', 'time', ...columns]}>
      {records.map(({ index, record }) => (
        <tr key={index}>
          <td>
            <a href={`#/trail?record=${index}`}>{index}</a>
          </td>
          <td>{typeof record.time === 'number' && <Moment at={record.time} />}</td>
          {columns.map((column) => (
            <td key={column}>
              <Cell column={column} value={record[column]} />
            </td>
          ))}
        </tr>
      ))}
    </WideTable>
  )
}

function Cell({ column, value }: { column: RecordColumn; value: unknown }) {
  const t = useWords()
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  const name = column === 'decision' ? DECISION_NAMES[text as keyof typeof DECISION_NAMES] : undefined
  if (name !== undefined) return <>{t(name)}</>
  if (column === 'path' || column === 'principal')
    return (
      <code class="wrap">
        <Text of={text} max={80} />
      </code>
    )
  return <Text of={text} max={80} />
}
