// What another thread need not hear of at once is told together: each message wakes it, and on a busy machine takes a core from a request.

export interface Gathered<T> {
  add(item: T): void
  /** Passes on what waits. */
  flush(): void
}

/** Passes items on, in their order, `everyMs` after the first of them at the latest. */
export function gathered<T>(pass: (items: readonly T[]) => void, everyMs: number): Gathered<T> {
  let waiting: T[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (waiting.length === 0) return
    const items = waiting
    waiting = []
    pass(items)
  }
  return {
    add(item) {
      waiting.push(item)
      timer ??= setTimeout(flush, everyMs)
    },
    flush,
  }
}
