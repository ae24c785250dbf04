// portcullis audit: the trail, checked, searched, proven and exported, offline or through the control plane.
import type { Define } from '../command.ts'
import { define as prove } from '../audit/prove.ts'
import { define as verifyProof } from '../audit/verify-proof.ts'
import { define as verify } from '../audit/verify.ts'

export const define: Define = (command, context) => {
  for (const part of [verify, prove, verifyProof]) part(command, context)
  command.addHelpText('after', '\nExample:\n  portcullis audit verify ./data/audit\n')
}
