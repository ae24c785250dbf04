// A table of networks and where they are, from a CSV file as MaxMind's and others have it: columns network, latitude and longitude.
import { readFileSync } from 'node:fs'
import ipaddr from 'ipaddr.js'
import type { PlaceOf } from '../../ports/places.ts'

/** First and last address as numbers, and the place in hundredths of a degree. IPv6 by its first 48 bits: finer networks are no place. */
interface Table {
  readonly first: Float64Array
  readonly last: Float64Array
  readonly degrees: Int16Array
}

interface Range {
  readonly first: number
  readonly last: number
  readonly isV6: boolean
}

interface Row extends Range {
  readonly latitude: number
  readonly longitude: number
}

const V6_BITS = 48

/** Throws an Error of one line that names the file, and the line where one is no good. */
export function readPlaces(file: string): PlaceOf {
  const rows = readRows(file)
  const tables = { v4: tableOf(rows.filter(({ isV6 }) => !isV6)), v6: tableOf(rows.filter(({ isV6 }) => isV6)) }
  return (address) => {
    const isV6 = address.includes(':')
    const number = numberOf(address, isV6)
    return number === undefined ? undefined : find(isV6 ? tables.v6 : tables.v4, number)
  }
}

function readRows(file: string): readonly Row[] {
  const [head = '', ...lines] = readText(file).split('\n')
  const names = head.trim().split(',')
  const columns = ['network', 'latitude', 'longitude'].map((name) => names.indexOf(name))
  if (columns.includes(-1))
    throw new Error(`throttle.places ${file}: its first line must name the columns network, latitude and longitude`)
  return lines.flatMap((line, index): Row[] => {
    const values = line.trim().split(',')
    const [network = '', latitude = '', longitude = ''] = columns.map((column) => values[column] ?? '')
    // Tables have networks of which no place is known.
    if (latitude === '' || longitude === '') return []
    const range = rangeOf(network)
    if (range === undefined || !isWithin(latitude, 90) || !isWithin(longitude, 180))
      throw new Error(`throttle.places ${file}: line ${index + 2} must be a network and two numbers of degrees`)
    return [{ ...range, latitude: Number(latitude), longitude: Number(longitude) }]
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(`throttle.places ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

function isWithin(text: string, most: number): boolean {
  return Math.abs(Number(text)) <= most
}

function rangeOf(network: string): Range | undefined {
  const [address = '', length = ''] = network.split('/')
  const isV6 = address.includes(':')
  const bits = isV6 ? V6_BITS : 32
  const first = numberOf(address, isV6)
  const prefix = Number(length)
  if (first === undefined || !/^\d{1,3}$/.test(length) || prefix > (isV6 ? 128 : 32)) return undefined
  const size = 2 ** Math.max(0, bits - prefix)
  const start = Math.floor(first / size) * size
  return { first: start, last: start + size - 1, isV6 }
}

function numberOf(address: string, isV6: boolean): number | undefined {
  if (!isV6) {
    if (!ipaddr.IPv4.isValidFourPartDecimal(address)) return undefined
    return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  }
  if (!ipaddr.IPv6.isValid(address)) return undefined
  const [a = 0, b = 0, c = 0] = ipaddr.IPv6.parse(address).parts
  return (a * 65_536 + b) * 65_536 + c
}

function tableOf(rows: readonly Row[]): Table {
  const sorted = rows.toSorted((one, two) => one.first - two.first)
  return {
    first: Float64Array.from(sorted, ({ first }) => first),
    last: Float64Array.from(sorted, ({ last }) => last),
    degrees: Int16Array.from(
      sorted.flatMap(({ latitude, longitude }) => [latitude, longitude]).map((each) => Math.round(100 * each)),
    ),
  }
}

/** The last network that begins at or before the address, where it holds it. */
function find({ first, last, degrees }: Table, number: number): ReturnType<PlaceOf> {
  let [low, high] = [0, first.length - 1]
  while (low <= high) {
    const middle = (low + high) >> 1
    if ((first[middle] ?? 0) <= number) low = middle + 1
    else high = middle - 1
  }
  if (high < 0 || number > (last[high] ?? -1)) return undefined
  return { latitude: (degrees[2 * high] ?? 0) / 100, longitude: (degrees[2 * high + 1] ?? 0) / 100 }
}
