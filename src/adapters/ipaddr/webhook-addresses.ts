// Where messages may go: to public addresses, and to those private ones that the config names. Never to what a cloud tells its own
// machines by, whatever the config says.
import type { Addresses } from '../../ports/addresses.ts'

/** IANA's special-purpose registries (RFC 6890), in which nobody outside can be. */
const PRIVATE = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24'],
  ...['192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...[
    '::/128',
    '::1/128',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001:db8::/32',
    '2002::/16',
    'fc00::/7',
    'ff00::/8',
  ],
]
/** Link-local: 169.254.169.254 and its kind hand out a machine's credentials. */
const NEVER = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128']

export function webhookAddresses(addresses: Addresses, networks: readonly string[]): (address: string) => boolean {
  const [isNever, isPrivate, isNamed] = [
    addresses.compile(NEVER),
    addresses.compile(PRIVATE),
    addresses.compile(networks),
  ]
  return (text) => {
    const address = addresses.parse(text)
    if (address === undefined || isNever(address)) return false
    return isNamed(address) || !isPrivate(address)
  }
}
