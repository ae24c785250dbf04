// Bytes changed blindly: bits, bytes, ranges, lines, numbers, line ends, pieces of others.
import type { Dice } from './dice.ts'

const BYTES = [
  0x00, 0x09, 0x0a, 0x0b, 0x0d, 0x20, 0x22, 0x23, 0x25, 0x2c, 0x2e, 0x2f, 0x3a, 0x3b, 0x3f, 0x5c, 0x7f, 0x80, 0xff,
]
const NUMBERS = [
  '0',
  '1',
  '-1',
  '+1',
  '00',
  '0x10',
  '1e1',
  '2147483648',
  '4294967296',
  '18446744073709551616',
  '9007199254740993',
  '',
]

type Mutation = (bytes: Buffer, dice: Dice, others: readonly Buffer[], words: readonly string[]) => Buffer

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, dice) {
    const at = dice.below(bytes.length)
    return set(bytes, at, (bytes[at] ?? 0) ^ (1 << dice.below(8)))
  },
  (bytes, dice) => set(bytes, dice.below(bytes.length), dice.pick(BYTES)),
  (bytes, dice) => replace(bytes, dice.below(bytes.length + 1), 0, Buffer.from([dice.pick(BYTES)])),
  function remove(bytes, dice) {
    const at = dice.below(bytes.length)
    return replace(bytes, at, 1 + dice.below(dice.chance(1, 2) ? 2 : 40), Buffer.alloc(0))
  },
  function repeat(bytes, dice) {
    const at = dice.below(bytes.length)
    return replace(bytes, dice.below(bytes.length), 0, bytes.subarray(at, at + 1 + dice.below(60)))
  },
  function splice(bytes, dice, others) {
    const other = dice.pick(others)
    const from = dice.below(other.length)
    return replace(bytes, dice.below(bytes.length), dice.below(60), other.subarray(from, from + dice.below(120)))
  },
  (bytes, dice, others) => Buffer.concat([bytes.subarray(0, dice.below(bytes.length)), dice.pick(others)]),
  (bytes, dice, _others, words) =>
    replace(bytes, dice.below(bytes.length + 1), 0, Buffer.from(dice.pick(words), 'latin1')),
  function atLineEnd(bytes, dice, _others, words) {
    const ends = placesOf(bytes, /\r\n/g)
    if (ends.length === 0) return bytes
    return replace(
      bytes,
      dice.pick(ends) + (dice.chance(1, 2) ? 2 : 0),
      dice.below(3),
      Buffer.from(dice.pick(words), 'latin1'),
    )
  },
  function lineEnd(bytes, dice) {
    const ends = placesOf(bytes, /\r\n/g)
    if (ends.length === 0) return bytes
    return replace(
      bytes,
      dice.pick(ends),
      2,
      Buffer.from(dice.pick(['\n', '\r', '', '\r\r\n', '\n\r', '\r\n\r\n', '\0\r\n', ' \r\n', '\r\n ', '\v'])),
    )
  },
  function number(bytes, dice) {
    const numbers = placesOf(bytes, /[0-9a-fA-F]+(?=\r\n)|[0-9]+/g)
    if (numbers.length === 0) return bytes
    const at = dice.pick(numbers)
    const old = /^[0-9a-fA-F]+/.exec(bytes.toString('latin1', at, at + 16))?.[0] ?? ''
    const next = dice.chance(1, 2) ? String((Number.parseInt(old, 10) || 0) + dice.below(5) - 2) : dice.pick(NUMBERS)
    return replace(bytes, at, old.length, Buffer.from(next))
  },
  function swapLines(bytes, dice) {
    const lines = bytes.toString('latin1').split('\r\n')
    const [one, two] = [dice.below(lines.length), dice.below(lines.length)]
    const line = lines[one] ?? ''
    lines[one] = lines[two] ?? ''
    lines[two] = line
    return Buffer.from(lines.join('\r\n'), 'latin1')
  },
  function repeatLine(bytes, dice) {
    const lines = bytes.toString('latin1').split('\r\n')
    lines.splice(dice.below(lines.length), 0, dice.pick(lines))
    return Buffer.from(lines.join('\r\n'), 'latin1')
  },
  (bytes, dice) => bytes.subarray(0, 1 + dice.below(bytes.length)),
  function otherCase(bytes, dice) {
    const at = dice.below(bytes.length)
    const text = bytes.toString('latin1', at, at + 8)
    return replace(bytes, at, 8, Buffer.from(dice.chance(1, 2) ? text.toUpperCase() : text.toLowerCase(), 'latin1'))
  },
]

/** Mutated at least once, a few times more often than not. */
export function mutate(bytes: Buffer, dice: Dice, others: readonly Buffer[], words: readonly string[]): Buffer {
  let mutated = bytes
  const times = 1 + dice.below(dice.chance(1, 4) ? 8 : 2)
  for (let time = 0; time < times; time++) {
    const next = dice.pick(MUTATIONS)(mutated, dice, others, words)
    if (next.length > 0) mutated = next
  }
  return mutated
}

function replace(bytes: Buffer, at: number, length: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + length)])
}

function set(bytes: Buffer, at: number, byte: number): Buffer {
  return replace(bytes, at, 1, Buffer.from([byte]))
}

function placesOf(bytes: Buffer, pattern: RegExp): readonly number[] {
  return [...bytes.toString('latin1').matchAll(pattern)].map((match) => match.index)
}
