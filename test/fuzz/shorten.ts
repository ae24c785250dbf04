// The shortest bytes that still break the promise: pieces are left out as long as they are not missed.

/** At most `playsMax` plays; `isBroken` plays the bytes and tells whether the same promise breaks. */
export async function shorten(
  bytes: Buffer,
  isBroken: (bytes: Buffer) => Promise<boolean>,
  playsMax = 400,
): Promise<Buffer | undefined> {
  // As one piece and in patience: some cases need their cuts and their haste.
  if (!(await isBroken(bytes))) return undefined
  let shortest = bytes
  let plays = 1
  for (let size = shortest.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < shortest.length;) {
      if (plays >= playsMax) return shortest
      plays += 1
      const without = Buffer.concat([shortest.subarray(0, at), shortest.subarray(at + size)])
      if (without.length > 0 && (await isBroken(without))) shortest = without
      else at += size
    }
  }
  return shortest
}
