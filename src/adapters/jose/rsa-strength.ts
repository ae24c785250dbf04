// Whether an RSA public key is one that only its owner can sign with.

const BITS_MIN = 2048
/** Beyond this a single verification costs more than a request. */
const BITS_MAX = 8192
const EXPONENT_MIN = 65537n

const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
]
const POWERS = PRIMES.map((prime) => [BigInt(prime), powersOf65537(prime)] as const)

/** What is wrong with the key, or undefined. RFC 7518, 3.3 (2048 bits); FIPS 186-5, A.1.1 (odd exponent above 2^16); CVE-2017-15361 (ROCA). */
export function checkRsaStrength(modulus: bigint, exponent: bigint): string | undefined {
  const bits = modulus.toString(2).length
  if (bits < BITS_MIN) return `its RSA modulus has ${bits} bits: ${BITS_MIN} are the least`
  if (bits > BITS_MAX) return `its RSA modulus has ${bits} bits: ${BITS_MAX} are the most`
  if (exponent < EXPONENT_MIN || exponent % 2n === 0n)
    return 'its RSA exponent is weak: 65537 is the least, and it is odd'
  if (modulus % 2n === 0n) return 'its RSA modulus is even'
  return hasRocaPrint(modulus) ? 'its RSA modulus comes from a broken generator (CVE-2017-15361)' : undefined
}

/** ROCA primes are powers of 65537 modulo many small primes at once; so is their product, and no other number is by chance. */
function hasRocaPrint(modulus: bigint): boolean {
  return POWERS.every(([prime, powers]) => powers.has(Number(modulus % prime)))
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65537) % prime) powers.add(power)
  return powers
}
