// A gateway of its own process: appends a hundred entries, half of them those that its peers append too; prints how many were new.
import { openFileFleetStore } from '../../../src/adapters/file/fleet-store.ts'
import { createClock } from '../../../src/adapters/node/clock.ts'
import { createRandomness } from '../../../src/adapters/node/randomness.ts'
import { entry } from '../../support/fleet-stores.ts'

const [file = '', gateway = ''] = process.argv.slice(2)
const store = openFileFleetStore({ file, gateway, clock: createClock(), randomness: createRandomness() })
let added = 0
for (let index = 0; index < 50; index++)
  added += await store.append([entry(`shared-${index}`), entry(`${gateway}-${index}`)])
await store.close()
process.stdout.write(String(added))
