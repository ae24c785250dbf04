// The board of a fleet and its processes.
import { AT, lines, type Board } from './panels.ts'
import { CPU, EPOCH, EVENT_LOOP, LEASE, MEMBERS, MEMORY, OVERHEAD, TIME_TO_LOCK } from './shared.ts'

export const FLEET: Board = {
  uid: 'fleet',
  title: 'Portcullis / Fleet and runtime',
  about: 'How soon a lock is proven, how long a view is trusted, and how the processes are.',
  rows: [
    {
      title: 'Locks and leases',
      panels: [
        TIME_TO_LOCK,
        EPOCH,
        LEASE,
        lines('Clock', 'How far each clock is off by the time servers of its config: what must be added to it.', 's', [
          `max by (instance) (portcullis_clock_offset_seconds{${AT}})`,
          '{{instance}}',
        ]),
        MEMBERS,
        lines(
          'Workers',
          'Threads that serve requests: behind is one that does not enforce the epoch yet, dead one that is being replaced.',
          'none',
          [`sum by (state) (portcullis_workers{${AT}})`, '{{state}}'],
        ),
      ],
    },
    {
      title: 'Processes',
      panels: [CPU, MEMORY, EVENT_LOOP, OVERHEAD],
    },
  ],
}
