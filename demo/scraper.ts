// The scraper of the demo: a partner key that was passed on, and a citizen's session that was stolen.
import { isPassing, readField, type Counts } from './gateway-client.ts'
import { demoMobile } from './identifiers.ts'
import { createLogin, type Phone } from './login.ts'

export type ScraperOptions = Phone & {
  counts: Counts
  partnerKey: string
  /** Record numbers to try with the stolen session. */
  targets: readonly string[]
}
export type Scraper = {
  /** Tries the next mobile number of the block at the partner endpoint. */
  lookUpNext(): Promise<void>
  /** Tries the next stranger's record with the stolen session (which first has to be opened). */
  tryStranger(): Promise<void>
}

const blockSize = 100_000

/** Creates a scraper. It never backs off, and goes on where it was refused; whole records that it got are counted. */
export function createScraper(options: ScraperOptions): Scraper {
  const { send, identity, counts, partnerKey, targets } = options
  const login = createLogin(options)
  let line = 0
  let target = 0

  return {
    async lookUpNext() {
      const path = `/api/v2/partner/lookup/${demoMobile(line)}`
      const reply = await send({ ...identity, method: 'GET', path, partnerKey })
      if (isPassing(reply)) return
      line = (line + 1) % blockSize
      const records = readField(reply.body, 'beneficiaries')
      if (reply.status === 200 && Array.isArray(records)) counts.recordsTaken += records.length
    },

    async tryStranger() {
      const token = login.token()
      if (token === undefined) {
        await login.step()
        return
      }
      const path = `/api/v2/beneficiaries/${targets[target] ?? ''}`
      const reply = await send({ ...identity, method: 'GET', path, token })
      if (isPassing(reply)) return
      target = (target + 1) % targets.length
      if (reply.status === 401) login.logOut()
      if (reply.status === 200) counts.recordsTaken++
    },
  }
}
