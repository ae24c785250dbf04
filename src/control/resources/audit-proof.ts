// A receipt, an id or an index in; a proof out that verifies anywhere (C2SP tlog-proof).
import type { Request, Response } from 'express'
import { findById, findLeaf, readEntry } from '../../audit/locate.ts'
import { leafHash } from '../../audit/merkle.ts'
import { createProof, formatProof } from '../../audit/proof.ts'
import { formatReceipt, parseReceipt } from '../../audit/receipt.ts'
import type { ControlDeps } from '../control-deps.ts'
import { sendProblem } from '../problem.ts'
import { sendJson, type Resource } from '../resource.ts'
import { createTurns } from '../turns.ts'

const USAGE =
  'give one of receipt (as Audit-Receipt had it), id (of a request or an order) and index (of an entry, from 0)'
/** A record that is older than this when the log was last known to hold everything is in it. */
const SEALING_MS = 5_000

export function auditProofResource(deps: ControlDeps): Resource {
  // One at a time: each may have to read much of the trail.
  const turns = createTurns()
  return {
    path: '/api/v1/audit/proof',
    access: 'read',
    methods: {
      GET: async (request, response) => {
        const wanted = parseWanted(request)
        if (typeof wanted === 'string') sendProblem(response, 'bad-request', wanted)
        else await turns(() => answer(deps, wanted, request, response))
      },
    },
  }
}

type Wanted = { readonly receipt: string } | { readonly id: string } | { readonly index: number }

function parseWanted({ query }: Request): Wanted | string {
  const [first, ...others] = Object.entries(query)
  if (first === undefined || others.length > 0 || typeof first[1] !== 'string') return USAGE
  const [name, value] = first
  if (name === 'receipt') return parseReceipt(value) === undefined ? `this is no receipt: ${USAGE}` : { receipt: value }
  if (name === 'id') return /^[\x21-\x7e]{1,200}$/.test(value) ? { id: value } : `this is no id: ${USAGE}`
  if (name === 'index' && /^(?:0|[1-9]\d{0,15})$/.test(value)) return { index: Number(value) }
  return USAGE
}

async function answer(deps: ControlDeps, wanted: Wanted, request: Request, response: Response): Promise<void> {
  const found = await locate(deps, wanted)
  if (typeof found === 'string') {
    sendProblem(response, 'not-found', found)
    return
  }
  const proof = formatProof(await createProof(deps.auditDir, found))
  if (request.accepts(['text/plain', 'application/json']) !== 'application/json') {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    response.end(proof)
    return
  }
  const entry = await readEntry(deps.auditDir, found)
  sendJson(response, 200, {
    index: found,
    proof,
    record: entry.toString(),
    leaf: Buffer.from(leafHash(entry), 'latin1').toString('base64'),
    receipt: formatReceipt(deps.gatewayName, entry.toString()),
  })
}

/** The index, or why there is none. */
async function locate({ auditDir, gatewayName, clock, audit }: ControlDeps, wanted: Wanted): Promise<number | string> {
  if ('index' in wanted) {
    try {
      await readEntry(auditDir, wanted.index)
      return wanted.index
    } catch {
      return 'the trail has no such entry, or no more, or no checkpoint covers it yet'
    }
  }
  if ('id' in wanted)
    return (await findById(auditDir, wanted.id))[0]?.index ?? 'no record under a checkpoint has this id'
  const receipt = parseReceipt(wanted.receipt)
  if (receipt === undefined) return 'this is no receipt'
  if (receipt.origin !== gatewayName) return `the receipt is of ${receipt.origin}: ask that gateway`
  const sealedAt = clock.now() - (audit().checkpointAgeSeconds ?? Infinity) * 1000
  const index = await findLeaf(auditDir, receipt.leaf, receipt.time)
  if (index !== undefined) return index
  return receipt.time > sealedAt - SEALING_MS
    ? 'no checkpoint covers this record yet: ask again in a second'
    : 'THE LOG DOES NOT HAVE THIS RECORD: if the receipt is true, the trail was changed, or retention has deleted it'
}
