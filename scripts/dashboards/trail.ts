// The board of the trail: whether each answer has its record, and each record its place under a signed checkpoint.
import { AT, lines, type Board } from './panels.ts'
import { CHECKPOINT_AGE, DURABLE, GAPS, OLDEST_CHECKPOINT, RECORDS } from './shared.ts'

export const TRAIL: Board = {
  uid: 'trail',
  title: 'Portcullis / Trail health',
  about: 'Whether every answer of a strict route has its record, and every record its place under a signed checkpoint.',
  rows: [
    {
      title: 'Now',
      panels: [GAPS, OLDEST_CHECKPOINT],
    },
    {
      title: 'Over time',
      panels: [
        RECORDS,
        DURABLE,
        CHECKPOINT_AGE,
        lines('Disk', 'Bytes that the disk of the trail still gives; at none, strict routes refuse.', 'bytes', [
          `min by (instance) (portcullis_audit_disk_free_bytes{${AT}})`,
          '{{instance}}',
        ]),
      ],
    },
  ],
}
