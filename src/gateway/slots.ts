// What is under way, where much comes and goes. A Set that does so grows into a new table every few entries, and each dead table
// points to the next: once one of them is old, all that they held survives each collection of young garbage.

/** Whoever is held keeps its place itself; -1: in none. */
export interface Slotted {
  slot: number
}

export class Slots<T extends Slotted> {
  readonly #held: T[] = []

  get size(): number {
    return this.#held.length
  }

  add(each: T): void {
    each.slot = this.#held.length
    this.#held.push(each)
  }

  /** The last one takes its place: the order is not kept. */
  delete(each: T): void {
    const { slot } = each
    if (this.#held[slot] !== each) return
    const last = this.#held.pop() as T
    if (last !== each) {
      this.#held[slot] = last
      last.slot = slot
    }
    each.slot = -1
  }

  /** Those that are held now, whatever comes and goes while they are looked at. */
  all(): readonly T[] {
    return this.#held.slice()
  }
}
