// Membership in many networks at once: sorted, merged ranges and a binary search, so that ten thousand cost little more than ten.

/** Both ends inside. IPv4 as numbers, IPv6 as bigints; the two never compare equal. */
export type AddressRange =
  { readonly first: number; readonly last: number } | { readonly first: bigint; readonly last: bigint }

type Value = number | bigint

/** `valueOf` gives undefined for what is no address; that is in no network. */
export function compileRanges(
  ranges: readonly AddressRange[],
  valueOf: (address: string) => Value | undefined,
): (address: string) => boolean {
  const four = mergeRanges(ranges.filter((range) => typeof range.first === 'number'))
  const six = mergeRanges(ranges.filter((range) => typeof range.first === 'bigint'))
  if (four.length + six.length === 0) return () => false
  return (address) => {
    const value = valueOf(address)
    if (value === undefined) return false
    return isInside(typeof value === 'number' ? four : six, value)
  }
}

interface Merged {
  readonly first: Value
  last: Value
}

function mergeRanges(ranges: readonly AddressRange[]): readonly Merged[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))
  const merged: Merged[] = []
  for (const { first, last } of sorted) {
    const before = merged.at(-1)
    if (before === undefined || first > before.last) merged.push({ first, last })
    else if (last > before.last) before.last = last
  }
  return merged
}

function isInside(ranges: readonly Merged[], value: Value): boolean {
  let low = 0
  let high = ranges.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const range = ranges[middle]
    if (range === undefined) return false
    if (value < range.first) high = middle - 1
    else if (value > range.last) low = middle + 1
    else return true
  }
  return false
}
