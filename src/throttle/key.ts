// Names as numbers: detectors keep no text, only seeded hashes that nobody outside can aim at.

/** 64 bits of a seeded hash; `low` is odd, so that zero marks an empty cell. */
export interface Key {
  readonly high: number
  readonly low: number
}

/** `kind` tells names of one sort from those of another: the key of `kind`, a zero byte and the name. */
export function keyOf(text: string, seed: number, kind = ''): Key {
  const [high, low] = hashKey(text, seed, kind)
  return { high, low }
}

/** Another key for the same name, so that one slab can count it twice over. */
export function aspectOf(key: Key, aspect: number): Key {
  return { high: key.high ^ Math.imul(aspect, 0x9e3779b1), low: (key.low ^ Math.imul(aspect, 0x85ebca6b)) | 1 }
}

/**
 * 64 bits by two multiply-xor lanes over UTF-16 units, seeded so that nobody outside can aim at a set. `kind` comes first, with a
 * zero byte behind it; it is no part of the text, because a text that is put together must be copied before it can be read.
 */
export function hashKey(key: string, seed: number, kind = ''): readonly [high: number, low: number] {
  let a = 0xdeadbeef ^ seed
  let b = 0x41c6ce57 ^ Math.imul(seed, 0x9e3779b1)
  if (kind !== '') {
    for (let index = 0; index < kind.length; index++) {
      const unit = kind.charCodeAt(index)
      a = Math.imul(a ^ unit, 0x9e3779b1)
      b = Math.imul(b ^ unit, 0x5f356495)
    }
    a = Math.imul(a, 0x9e3779b1)
    b = Math.imul(b, 0x5f356495)
  }
  for (let index = 0; index < key.length; index++) {
    const unit = key.charCodeAt(index)
    a = Math.imul(a ^ unit, 0x9e3779b1)
    b = Math.imul(b ^ unit, 0x5f356495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  // Zero marks an empty cell.
  return [a | 0, b | 1]
}
