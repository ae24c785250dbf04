// How long the disk lasts: told from how its free bytes have fallen in the last minute.

const SAMPLES_MAX = 60
/** A disk that will be full sooner than this counts as full already, unless there is plenty: what is recorded now must still be sealed. */
const SOON_SECONDS = 30
const PLENTY = 8
/** So long after the start, and after there is room again, the trail lays out files of its own: their pace is nobody's. */
const SETTLING_MS = 10_000

interface Sample {
  readonly atMs: number
  readonly free: number
}

export class DiskForecast {
  readonly #floorBytes: number
  readonly #samples: Sample[] = []
  #free: number | undefined
  #settledAtMs = Infinity

  /** `floorBytes`: with less than this free, no more is begun. */
  constructor(floorBytes: number) {
    this.#floorBytes = floorBytes
  }

  /** To be called about each second. `atMs` only grows. */
  see(free: number, atMs: number): void {
    const isRoomAgain = this.#free === undefined || (this.#free < this.#floorBytes && free >= this.#floorBytes)
    this.#free = free
    if (isRoomAgain) {
      this.#samples.length = 0
      this.#settledAtMs = atMs + SETTLING_MS
    }
    if (atMs < this.#settledAtMs) return
    this.#samples.push({ atMs, free })
    if (this.#samples.length > SAMPLES_MAX) this.#samples.shift()
  }

  get freeBytes(): number | undefined {
    return this.#free
  }

  /** Until nothing is free at the pace of the last minute; undefined where it does not fall. */
  get fullInSeconds(): number | undefined {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.atMs - first.atMs < 2_000) return undefined
    const bytesPerMs = (first.free - last.free) / (last.atMs - first.atMs)
    return bytesPerMs <= 0 ? undefined : last.free / bytesPerMs / 1000
  }

  /** Why nothing more should be begun on this disk. */
  get problem(): string | undefined {
    const free = this.freeBytes
    if (free === undefined) return undefined
    if (free < this.#floorBytes)
      return `the disk has ${mebibytes(free)} free, and ${mebibytes(this.#floorBytes)} are kept for what must be recorded`
    const seconds = this.fullInSeconds
    if (seconds === undefined || seconds >= SOON_SECONDS || free >= PLENTY * this.#floorBytes) return undefined
    return `the disk is full in ${Math.ceil(seconds)} s at the pace of the last minute`
  }
}

function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 1_048_576)} MiB`
}
