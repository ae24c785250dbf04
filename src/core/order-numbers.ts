// Which accepted orders are here, by the numbers that the accepting gateways gave them: no gap goes unnoticed (docs/decisions/0010).

/** The highest number without a gap, by writer: one run of one gateway. */
export type Have = Readonly<Record<string, number>>

export interface OrderNumber {
  readonly writer: string
  readonly seq: number
}

/** `<12 hex of the gateway's name>-<16 hex of the run>`, then `l` for what locks and `r` for what opens. */
const WRITER = /^([0-9a-f]{12})-[0-9a-f]{16}([lr])$/

export function isWriter(text: string): boolean {
  return WRITER.test(text)
}

/** The gateway's name ends with these digits. */
export function writerGateway(writer: string): string {
  return WRITER.exec(writer)?.[1] ?? ''
}

export function gatewayName(digits: string): string {
  return `portcullis/gateway-${digits}`
}

/** Orders that open, or may open later: whoever lacks one is locked more, never less. */
export function isOpeningWriter(writer: string): boolean {
  return writer.endsWith('r')
}

/** Writers that one heartbeat names. */
export const WRITERS_MAX = 64

interface Run {
  through: number
  /** Numbers that came before one that is still missing. */
  readonly beyond: Set<number>
}

export class OrderNumbers {
  readonly #runs = new Map<string, Run>()

  add({ writer, seq }: OrderNumber): void {
    const run = this.#runs.get(writer) ?? { through: 0, beyond: new Set() }
    // Those that came last are named first, where there are too many to name.
    this.#runs.delete(writer)
    this.#runs.set(writer, run)
    if (seq > run.through) run.beyond.add(seq)
    while (run.beyond.delete(run.through + 1)) run.through += 1
  }

  has({ writer, seq }: OrderNumber): boolean {
    const run = this.#runs.get(writer)
    return run !== undefined && (seq <= run.through || run.beyond.has(seq))
  }

  /** Of the writers that were heard of last; `isPartial` where there are more. */
  get have(): { readonly have: Have; readonly isPartial: boolean } {
    const named = [...this.#runs].slice(-WRITERS_MAX).filter(([, { through }]) => through > 0)
    return {
      have: Object.fromEntries(named.map(([writer, { through }]) => [writer, through])),
      isPartial: this.#runs.size > WRITERS_MAX,
    }
  }

  /** The first number of each writer that somebody has and that is not here: by another's `have`, or by a later number that is. */
  lackedOf(have: Have): readonly OrderNumber[] {
    return Object.entries(have)
      .filter(([writer, through]) => (this.#runs.get(writer)?.through ?? 0) < through)
      .map(([writer]) => ({ writer, seq: (this.#runs.get(writer)?.through ?? 0) + 1 }))
  }

  /** Numbers that must exist, since later ones of the same writer are here. */
  get gaps(): readonly OrderNumber[] {
    return [...this.#runs]
      .filter(([, { beyond }]) => beyond.size > 0)
      .map(([writer, { through }]) => ({ writer, seq: through + 1 }))
  }
}
