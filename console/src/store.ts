// What the page knows, in one place; parts of the page listen to the slice that they show.
import { useEffect, useState } from 'preact/hooks'

export interface Store<T> {
  get(): T
  set(change: Partial<T>): void
  subscribe(listener: () => void): () => void
}

export function createStore<T extends object>(initial: T): Store<T> {
  let state = initial
  const listeners = new Set<() => void>()
  return {
    get: () => state,
    set(change) {
      state = { ...state, ...change }
      for (const listener of listeners) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Renders anew when the slice is another one. */
export function useStore<T extends object, S>(store: Store<T>, slice: (state: T) => S): S {
  const [value, setValue] = useState(() => slice(store.get()))
  useEffect(() => {
    const look = (): void => {
      setValue(() => slice(store.get()))
    }
    look()
    return store.subscribe(look)
  }, [store])
  return value
}

/** Renders anew each `everyMs`: for clocks that run. */
export function useTick(everyMs: number): void {
  const [, setCount] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => {
      setCount((count) => count + 1)
    }, everyMs)
    return () => {
      clearInterval(timer)
    }
  }, [everyMs])
}
