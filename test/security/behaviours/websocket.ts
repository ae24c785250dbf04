// Handshakes and frames of RFC 6455 as bytes, so that each of them can be wrong or cut anywhere.
import { request } from '../../support/start-data-plane.ts'

export const WEBSOCKET = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
} as const
export const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

export const handshake = (target: string, fields: Readonly<Record<string, string>> = {}, behind = ''): string =>
  request('GET', target, { ...WEBSOCKET, ...fields }, behind)

/** A frame of RFC 6455, 5.2; masked as a client's where `mask` is given. */
export function frame(
  opcode: number,
  payload: Buffer,
  { fin = true, mask = undefined as Buffer | undefined } = {},
): Buffer {
  const head = [(fin ? 0x80 : 0) | opcode]
  const marked = mask === undefined ? 0 : 0x80
  const length = Buffer.alloc(payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8)
  if (length.length === 0) head.push(marked | payload.length)
  else if (length.length === 2) {
    head.push(marked | 126)
    length.writeUInt16BE(payload.length)
  } else {
    head.push(marked | 127)
    length.writeBigUInt64BE(BigInt(payload.length))
  }
  const body = mask === undefined ? payload : Buffer.from(payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)))
  return Buffer.concat([Buffer.from(head), length, mask ?? Buffer.alloc(0), body])
}
/** A client's text frame. */
export const TEXT = frame(1, Buffer.from('hello'), { mask: Buffer.from([1, 2, 3, 4]) })
