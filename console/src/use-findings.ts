// What the detectors have found, asked anew every few seconds and at each event that tells of one.
import { useEffect, useState } from 'preact/hooks'
import type { AnomalyRecord } from '../../src/core/audit-record.ts'
import { ask, type Answer } from './api.ts'

/** As `GET /api/v1/anomalies` tells it: how often this caller and detector met, and when last. */
export type Finding = AnomalyRecord & { readonly count: number; readonly lastAt: number }

type Findings = Answer<{ readonly anomalies: readonly Finding[] }>

const EVERY_MS = 5000

/** Undefined until the first answer is here. */
export function useFindings(): Findings | undefined {
  const [answer, setAnswer] = useState<Findings>()
  useEffect(() => {
    const look = (): void => void ask<{ readonly anomalies: readonly Finding[] }>('anomalies').then(setAnswer)
    look()
    const timer = setInterval(look, EVERY_MS)
    addEventListener('portcullis:anomaly', look)
    return () => {
      clearInterval(timer)
      removeEventListener('portcullis:anomaly', look)
    }
  }, [])
  return answer
}
