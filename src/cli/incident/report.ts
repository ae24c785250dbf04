// Drafts of what the law asks for, out of facts alone. What the gateway cannot know is a gap that says so; nothing is sent anywhere.
import { BOARD_MS, CERT_IN_MS } from '../../core/incident.ts'
import type { Facts } from './facts.ts'
import { utcAndIst } from './times.ts'

export interface Field {
  readonly name: string
  /** Undefined: a gap, for a person to fill. */
  readonly value: string | undefined
  /** Where a value comes from: records of the trail, or the file of details. */
  readonly from: 'trail' | 'details' | 'gap'
}

export interface Form {
  readonly id: 'certIn' | 'board' | 'principals' | 'bsa63'
  readonly title: string
  readonly due?: string
  readonly fields: readonly Field[]
}

/** What people know and gateways do not: by the names below, out of a file. */
export type Details = Readonly<Record<string, string>>

interface Evidence {
  /** SHA-256, hex. */
  readonly hashes: readonly { readonly file: string; readonly sha256: string }[]
  readonly checkpoint: string
}

type Words = (name: string, key: string) => Field

const fact = (name: string, value: string | undefined): Field =>
  value === undefined ? { name, value, from: 'gap' } : { name, value, from: 'trail' }

export function formsOf(facts: Facts, details: Details, evidence: Evidence): readonly Form[] {
  const detail: Words = (name, key) => {
    const value = details[key]
    return value === undefined ? { name, value: undefined, from: 'gap' } : { name, value, from: 'details' }
  }
  return [certInForm(facts, detail), boardForm(facts, detail), principalsForm(facts, detail), bsaForm(evidence, detail)]
}

function dueAfter({ noticedAt }: Facts, ms: number): Readonly<{ due?: string }> {
  return noticedAt === undefined ? {} : { due: utcAndIst(noticedAt + ms) }
}

const NATURE = 'Brief description, from the trail'

function certInForm(facts: Facts, detail: Words): Form {
  const { noticedAt } = facts
  return {
    id: 'certIn',
    title: 'CERT-In: incident report (Directions of 28 April 2022, Annexure I)',
    ...dueAfter(facts, CERT_IN_MS),
    fields: [
      detail('I am (affected entity, or reporting for another)', 'capacity'),
      detail('Name and role or title', 'name'),
      detail('Organisation', 'organisation'),
      detail('Contact number', 'phone'),
      detail('Email', 'email'),
      detail('Address', 'address'),
      detail('Incident type (Annexure I, such as 3, 10, 12)', 'types'),
      detail("Is the affected system critical to the organisation's mission", 'critical'),
      detail('Domain or URL', 'domain'),
      detail('IP address', 'ip'),
      detail('Operating system', 'os'),
      detail('Make, model or cloud', 'model'),
      detail('Affected application', 'application'),
      detail('Location (city, region, country)', 'location'),
      detail('Network and name of ISP', 'isp'),
      fact(NATURE, natureOf(facts)),
      detail('Occurrence date and time', 'occurredAt'),
      fact('Detection date and time', noticedAt === undefined ? undefined : utcAndIst(noticedAt)),
      fact('Action taken', actionOf(facts)),
    ],
  }
}

function boardForm(facts: Facts, detail: Words): Form {
  return {
    id: 'board',
    title: 'Data Protection Board: detail within 72 hours (DPDP Rules 2025, 7(2))',
    ...dueAfter(facts, BOARD_MS),
    fields: [
      fact(NATURE, natureOf(facts)),
      fact('Extent: people whose records were read in the time of this report', String(facts.people)),
      fact('Of these without a one-time password', String(facts.peopleWithoutOtp)),
      fact('Timing', timingOf(facts)),
      detail('Location', 'location'),
      detail('Likely impact', 'impact'),
      fact('Mitigation so far', actionOf(facts)),
      detail('Findings on who caused it', 'findings'),
      detail('Remedial measures against a repetition', 'remedies'),
      detail('Report on the intimations to Data Principals', 'intimations'),
    ],
  }
}

function principalsForm(facts: Facts, detail: Words): Form {
  return {
    id: 'principals',
    title: 'Intimation to each affected Data Principal (DPDP Rules 2025, 7(1))',
    fields: [
      fact(NATURE, natureOf(facts)),
      detail('Likely consequences', 'impact'),
      fact('Measures taken', actionOf(facts)),
      detail('Safety measures that the person may take', 'safety'),
      detail('Whom to ask', 'contact'),
    ],
  }
}

function bsaForm({ hashes, checkpoint }: Evidence, detail: Words): Form {
  return {
    id: 'bsa63',
    title: 'Bharatiya Sakshya Adhiniyam 2023, section 63(4): the part on hashes',
    fields: [
      fact('Algorithm', 'SHA256'),
      ...hashes.map(({ file, sha256 }) => fact(`Hash of ${file}`, sha256)),
      fact('Signed checkpoint of the log', checkpoint.trim().split('\n').slice(0, 3).join(' ')),
      detail('Device: make, model, serial number', 'device'),
      detail('Party (Part A): name, place, signature', 'party'),
      detail('Expert (Part B): name, place, signature', 'expert'),
    ],
  }
}

function natureOf({ requests, reads, people, title, timeline }: Facts): string | undefined {
  if (timeline.length === 0 && requests.total === 0) return undefined
  const about = title === undefined ? '' : `${title}. `
  return `${about}In the time of this report the gateway judged ${requests.total} requests: ${requests.allowed} were let through, ${requests.locked} met a lock, ${requests.refused} were refused otherwise. ${reads} of those let through read records of ${people} people.`
}

function actionOf({ locks, firstProofMs }: Facts): string | undefined {
  if (locks === 0) return undefined
  const shown =
    firstProofMs === undefined ? 'no proof of it is in this trail' : `the first was proven after ${firstProofMs} ms`
  return `${locks} ${locks === 1 ? 'lock was' : 'locks were'} ordered under this incident; ${shown}.`
}

function timingOf({ range, firstOrderAt }: Facts): string | undefined {
  if (range.first === undefined) return undefined
  const locked = firstOrderAt === undefined ? '' : ` The first order came at ${utcAndIst(firstOrderAt)}.`
  return `Records ${range.first} to ${String(range.last)} of the trail.${locked}`
}
