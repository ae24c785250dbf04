// For the demo alone: its two commanders enrol the key that the console has made in your browser. Behind `npm run demo:enrol --` stands
// the line that the console shows, as it is, or NAME KEY_ID PUBLIC_KEY.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string', default: '.demo' },
    control: { type: 'string', default: 'http://127.0.0.1:9080' },
    role: { type: 'string', default: 'responder' },
    'key-id': { type: 'string' },
    'public-key': { type: 'string' },
    reason: { type: 'string', default: 'the console of the demo' },
  },
})
const isLine = positionals[0] === 'portcullis' && positionals[1] === 'enrol'
const [name, keyId = values['key-id'], publicKey = values['public-key']] = isLine
  ? positionals.slice(2, 3)
  : positionals
if (name === undefined || keyId === undefined || publicKey === undefined) {
  console.error(
    'Give the line that the console shows: npm run demo:enrol -- portcullis enrol night-desk --key-id browser-AbC1 --public-key KEY',
  )
  process.exit(2)
}
const root = path.resolve(import.meta.dirname, '..')

function portcullis(args: readonly string[], by: string): string {
  const key = path.resolve(root, values.dir, 'keys', `${by}.key`)
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      path.join(root, 'src/main.ts'),
      ...args,
      '--control',
      values.control,
      '--key',
      key,
    ],
    { encoding: 'utf8' },
  )
  if (status === 0) return stdout
  console.error(stderr)
  process.exit(1)
}

const asked = ['--key-id', keyId, '--public-key', publicKey, '--role', values.role, '--reason', values.reason]
const { id } = JSON.parse(portcullis(['enrol', name, ...asked, '--json'], 'lead')) as { readonly id: string }
portcullis(['approve', id], 'chief')
console.log(`${name}#${keyId} is enrolled: sign in now.`)
