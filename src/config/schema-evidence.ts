// Keys of the `audit` section that make the trail believed: room for a bad day, witnesses, and the time.
import { z } from 'zod'
import { DEFAULTS } from './defaults.ts'
import { duration, list, parsed, size, text } from './scalars.ts'
import { withDefault } from './schema-parts.ts'

interface TimeServer {
  readonly host: string
  readonly port: number
}

const NTP_PORT = 123

const timeServer = parsed<TimeServer>('must be a time server, as in samay1.nic.in or 10.0.0.1:123', (value) => {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(value) ?? []
  const host = bracketed ?? plain
  const number = port === undefined ? NTP_PORT : Number(port)
  if (host === undefined || number === 0 || number > 65_535)
    return {
      problem: 'is no host, and port where it is not 123: write it as samay1.nic.in, 10.0.0.1:123 or [2001:db8::1]:123',
    }
  return { host, port: number }
})

const witnessSchema = z.strictObject({
  url: text('must be the URL of a witness, as in https://witness.example.in')
    .refine((value) => /^https?:\/\/[^\s?#@]+$/.test(value), {
      error: 'must be an http or https URL without credentials, as in https://witness.example.in',
    })
    .describe('Its submission prefix; what it signs is checked, so http is enough.'),
  key: text('must be the key of a witness, as "portcullis witness" prints it')
    .refine((value) => /^[^\s+]+\+[0-9a-f]{8}\+B[A-P][A-Za-z0-9+/]{42}$/.test(value), {
      error: 'must be the verification key of a witness, NAME+ID+BASE64, as "portcullis witness" prints it',
    })
    .describe('Its verification key (C2SP tlog-cosignature).'),
})

export const evidenceKeys = {
  reserve: withDefault(
    size({ min: '16MiB', max: '64GiB' }),
    DEFAULTS.audit.reserve,
    'Room that is kept on the disk of the trail: with less free, strict routes serve nothing, and orders are still recorded.',
  ),
  witnesses: withDefault(
    list(witnessSchema, 'must be a list of witnesses, each with url and key'),
    [] as { url: string; key: string }[],
    'Who is shown each checkpoint (C2SP tlog-witness) and refuses a second history; their cosignatures are put into it.',
  ),
  clock: z
    .strictObject({
      servers: withDefault(
        list(timeServer, 'must be a list of time servers, as in [samay1.nic.in]'),
        [] as string[],
        'Time servers (SNTP) by which the clock is judged and not set; default: none, and then it is not judged.',
      ),
      every: withDefault(duration({ min: '1s', max: '1d' }), DEFAULTS.audit.clock.every, 'How often they are asked.'),
      alarm: withDefault(
        duration({ min: '1ms', max: '1h' }),
        DEFAULTS.audit.clock.alarm,
        'Off by more, it is an error in log, status and metrics.',
      ),
    })
    .prefault({})
    .describe('Evidence of the time: offsets are recorded in the trail. CERT-In asks for clocks by NIC or NPL.'),
}
