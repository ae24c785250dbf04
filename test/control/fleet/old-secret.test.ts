// While the fleet's secret is replaced, status says who still stands by the old one.
import { expect, test } from '@jest/globals'
import { gatewayViews } from '../../../src/control/fleet/views.ts'
import { createFleet, SECRET } from '../../support/fleet-rig.ts'

const NEXT = 'another secret of thirty-two characters.'

test('who has not said anew who it is carries the old voucher, until it does', async () => {
  const fleet = await createFleet(0)
  const first = await fleet.add({ secrets: [NEXT, SECRET] })
  const file = { secrets: [SECRET, NEXT] }
  const second = await fleet.add(file)
  await fleet.found()
  const carriers = (of: typeof first) =>
    gatewayViews(of.parts)
      .filter(({ voucher }) => voucher === 'old')
      .map(({ name }) => name)
  expect(carriers(first)).toEqual([second.name])
  // Whose first secret is still the old one sees the other as the one that is off: its own file has not been changed yet.
  expect(carriers(second)).toEqual([first.name])
  // The file has the new one first: it is read anew, and the gateway says again who it is.
  file.secrets = [NEXT, SECRET]
  second.parts.join()
  await second.parts.compareRoster()
  await fleet.rounds(4)
  expect([carriers(first), carriers(second)]).toEqual([[], []])
})
