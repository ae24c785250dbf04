// A table of networks and places, as databases of them are sold: what is found, and what is told of a bad line.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { readPlaces } from '../../../src/adapters/ipaddr/places.ts'

const home = mkdtempSync(path.join(os.tmpdir(), 'portcullis-places-'))
const file = path.join(home, 'places.csv')
afterAll(() => {
  rmSync(home, { recursive: true, force: true })
})
const table = (text: string) => {
  writeFileSync(file, text)
  return readPlaces(file)
}

test('finds the network that holds an address, of either family, in any order of columns and lines', () => {
  const placeOf = table(
    [
      'network,geoname_id,latitude,longitude,accuracy_radius',
      '203.0.113.0/24,1,28.6146,77.2067,20',
      '10.1.0.0/16,2,-33.87,151.21,5',
      '10.0.0.0/15,3,,,',
      '2001:db8:1::/48,4,51.51,-0.13,5',
      '2001:db8::/47,5,19.08,72.88,5',
      '',
    ].join('\r\n'),
  )
  expect(placeOf('203.0.113.255')).toEqual({ latitude: 28.61, longitude: 77.21 })
  expect(placeOf('10.1.255.1')).toEqual({ latitude: -33.87, longitude: 151.21 })
  expect(placeOf('2001:db8:1:2::3')).toEqual({ latitude: 51.51, longitude: -0.13 })
  expect(placeOf('2001:db8:0:ffff::1')).toEqual({ latitude: 19.08, longitude: 72.88 })
  for (const address of ['10.0.0.1', '203.0.114.0', '0.0.0.0', '2001:db8:2::1', 'unix', ''])
    expect(placeOf(address)).toBeUndefined()
})

test.each([
  ['network,latitude\n', 'its first line must name the columns network, latitude and longitude'],
  ['network,latitude,longitude\n10.0.0.0/8,1,2\n10.0.0.0/33,1,2\n', 'line 3 must be'],
  ['network,latitude,longitude\n10.0.0.0/8,91,2\n', 'line 2 must be'],
  ['network,latitude,longitude\nx/8,1,2\n', 'line 2 must be'],
  ['network,latitude,longitude\n10.0.0.0/8,north,2\n', 'line 2 must be'],
])('says what is wrong with %j', (text, problem) => {
  expect(() => table(text)).toThrow(problem)
})

test('says which file is missing', () => {
  expect(() => readPlaces(path.join(home, 'none.csv'))).toThrow(/throttle\.places .*none\.csv: .*no such file/)
})
