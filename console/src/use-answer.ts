// One answer of the control plane for a part of the page; asked again when the path changes.
import { useEffect, useState } from 'preact/hooks'
import { ask, type Answer } from './api.ts'

export function useAnswer<T>(path: string): Answer<T> | undefined {
  const [answer, setAnswer] = useState<Answer<T>>()
  useEffect(() => {
    const stopping = new AbortController()
    void ask<T>(path, undefined, { signal: stopping.signal }).then((got) => {
      if (!stopping.signal.aborted) setAnswer(got)
    })
    return () => {
      stopping.abort()
    }
  }, [path])
  return answer
}
