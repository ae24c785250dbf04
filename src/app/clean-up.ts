// What was started is stopped in reverse, also where the start fails half-way.

export interface CleanUp {
  /** Registers how to undo what has just been done. */
  defer(undo: () => unknown): void
  /** Undoes all of it, the last first; an undo that fails does not keep the others from running. Resolves to the failures. */
  run(): Promise<readonly unknown[]>
}

export function createCleanUp(): CleanUp {
  const undos: (() => unknown)[] = []
  return {
    defer(undo) {
      undos.push(undo)
    },
    async run() {
      const failures: unknown[] = []
      for (const undo of undos.splice(0).reverse()) {
        try {
          await undo()
        } catch (error) {
          failures.push(error)
        }
      }
      return failures
    },
  }
}
