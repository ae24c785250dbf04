// portcullis audit: the trail, checked, searched, proven and exported, offline or through the control plane.
import { define as index } from '../audit/build-index.ts'
import { define as exporting } from '../audit/export.ts'
import { define as keys } from '../audit/keys.ts'
import { define as prove } from '../audit/prove.ts'
import { define as retention } from '../audit/retention.ts'
import { define as search } from '../audit/search.ts'
import { define as shred } from '../audit/shred.ts'
import { define as verifyProof } from '../audit/verify-proof.ts'
import { define as verify } from '../audit/verify.ts'
import { define as whose } from '../audit/whose.ts'
import type { Define } from '../command.ts'

export const define: Define = (command, context) => {
  for (const part of [verify, search, whose, prove, verifyProof, exporting, index, retention, shred, keys])
    part(command, context)
  command.addHelpText('after', '\nExample:\n  portcullis audit verify ./data/audit\n')
}
